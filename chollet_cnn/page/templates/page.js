"use strict";
// The page reads well without this. It adds four things: the chapter being read is marked in the
// list, the window of chapter 3 moves with the arrow keys, a figure can be enlarged, and what slides
// in its box fades at the edge beyond which there is more.

document.documentElement.classList.add("scripted");

function markChapterBeingRead() {
  const links = new Map(
    [...document.querySelectorAll("nav li a")].map((link) => [link.hash.slice(1), link]),
  );
  const sections = [...document.querySelectorAll("section")];
  const list = document.querySelector("nav");
  const mark = () => {
    const line = window.innerHeight * 0.35;
    const read = sections.filter((section) => section.getBoundingClientRect().top < line).pop();
    for (const [slug, link] of links) {
      const current = read !== undefined && slug === read.id;
      if (current === link.hasAttribute("aria-current")) continue;
      link.toggleAttribute("aria-current", current);
      if (!current) continue;
      link.setAttribute("aria-current", "true");
      const place = link.parentElement;
      list.scrollTo({
        left: place.offsetLeft - list.clientWidth / 3,
        top: place.offsetTop - list.clientHeight / 2,
      });
    }
  };
  document.addEventListener("scroll", mark, { passive: true });
  mark();
}

function slideWindow(slider) {
  const { image, kernel, result } = JSON.parse(slider.dataset.sheets);
  const [window_, cell] = slider.querySelectorAll(".mark");
  const line = document.getElementById("sum");
  const write = (value) => String(value).replace("-", "−");
  let row = Number(slider.dataset.row);
  let column = Number(slider.dataset.column);

  const move = (down, across) => {
    row = Math.min(Math.max(down, 0), result.length - 1);
    column = Math.min(Math.max(across, 0), result[0].length - 1);
    for (const mark of [window_, cell]) {
      mark.setAttribute("x", column * 10);
      mark.setAttribute("y", row * 10);
    }
    const terms = kernel.flatMap((weights, i) =>
      weights.map((weight, j) => `${write(weight)}·${image[row + i][column + j]}`),
    );
    line.querySelector("span").textContent = terms.join(" + ").replaceAll("+ −", "− ");
    line.querySelector("b").textContent = write(result[row][column]);
  };

  slider.tabIndex = 0;
  slider.setAttribute("role", "group");
  slider.setAttribute("aria-label", "A window on the padlock; the arrow keys move it");
  slider.setAttribute("aria-describedby", "sum");
  slider.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const step = steps[event.key];
    const forBrowser = event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;
    if (!step || forBrowser) return;
    event.preventDefault();
    move(row + step[0], column + step[1]);
  });
  for (const [sheet, reach] of [
    [slider.querySelector(".image"), 1],
    [slider.querySelector(".result"), 0],
  ]) {
    sheet.addEventListener("pointerdown", (event) => {
      const box = sheet.getBoundingClientRect();
      const cells = sheet.viewBox.baseVal.width;
      const at = (from, to) => Math.floor(((to - from) / box.width) * (cells / 10)) - reach;
      move(at(box.top, event.clientY), at(box.left, event.clientX));
    });
  }
}

// A click enlarges the figure, or of a mosaic the one image that was clicked.
function enlargeFigures() {
  const dialog = document.querySelector("dialog");
  const enlarged = dialog.querySelector("div");
  for (const drawing of document.querySelectorAll("figure .drawing")) {
    // The button is laid over the drawing: its name is not to compete with the text inside.
    const holder = document.createElement("div");
    holder.className = "holder";
    holder.style.setProperty("--least", drawing.style.getPropertyValue("--least"));
    const button = document.createElement("button");
    button.className = "zoom";
    button.type = "button";
    button.setAttribute("aria-label", "Enlarge: " + drawing.getAttribute("aria-label"));
    drawing.replaceWith(holder);
    holder.append(drawing, button);
    button.addEventListener("click", (event) => {
      const copy = drawing.cloneNode(true);
      const tile = tileAt(drawing, event);
      if (tile) {
        const { x, y, width, height } = tile.getBBox();
        copy.setAttribute("viewBox", [x, y, width, height].join(" "));
        copy.classList.add("one");
      }
      enlarged.replaceChildren(copy);
      dialog.showModal();
    });
  }
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
}

function tileAt(drawing, event) {
  if (event.detail === 0) return undefined; // the keyboard's click has no place
  return [...drawing.querySelectorAll(".tile path")].find((tile) => {
    const box = tile.getBoundingClientRect();
    return (
      box.left <= event.clientX &&
      event.clientX <= box.right &&
      box.top <= event.clientY &&
      event.clientY <= box.bottom
    );
  });
}

function fadeWhatSlides(box) {
  const mark = () => {
    const left = box.scrollWidth - box.clientWidth - box.scrollLeft;
    box.classList.toggle("more", left > 2);
  };
  box.addEventListener("scroll", mark, { passive: true });
  new ResizeObserver(mark).observe(box);
}

markChapterBeingRead();
document.querySelectorAll(".slider").forEach(slideWindow);
enlargeFigures();
document.querySelectorAll(".sheet, .table").forEach(fadeWhatSlides);
