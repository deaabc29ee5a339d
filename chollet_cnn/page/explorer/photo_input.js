// The input of a network for photographs: one that is dropped, chosen or pasted.

import { byId } from "./pictures.js";

/**
 * Build the place for a photograph. `onNew()` and `onChange()` are called when there is a new one to
 * `read()`.
 *
 * A photograph is scaled to the network's size by the browser; test images are sent as they are.
 */
export function photoInput([height, width], onChange, onNew) {
  let pixels = new Uint8Array(height * width * 3);
  let latest = 0; // a large photograph takes a while, and another may be put in meanwhile
  const say = (words) => (byId("step").textContent = words);
  const take = async (file) => {
    if (!file) return;
    const mine = ++latest;
    let photo;
    try {
      photo = await createImageBitmap(file);
    } catch {
      if (mine !== latest) return;
      say(`${file.name} is not an image that this browser reads; choose a JPEG or PNG file.`);
      byId("spoken").textContent = byId("step").textContent;
      return;
    }
    if (mine !== latest) return;
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
    context.drawImage(photo, 0, 0, width, height);
    const { data } = context.getImageData(0, 0, width, height);
    pixels = new Uint8Array(height * width * 3);
    for (let i = 0; i < height * width; i++) pixels.set(data.subarray(4 * i, 4 * i + 3), 3 * i);
    say(
      `${file.name}, ${photo.width}×${photo.height}, scaled to ${width}×${height} by this browser.`,
    );
    onNew();
    onChange();
  };
  byId("photo").addEventListener("change", ({ target }) => {
    take(target.files[0]);
    target.value = ""; // choosing the same file once more is a change again
  });
  const place = byId("drop");
  place.addEventListener("dragover", (event) => {
    event.preventDefault();
    place.classList.add("over");
  });
  place.addEventListener("dragleave", () => place.classList.remove("over"));
  place.addEventListener("drop", (event) => {
    event.preventDefault();
    place.classList.remove("over");
    take(event.dataTransfer.files[0]);
  });
  // A photograph dropped beside the place would be opened instead of this page.
  for (const name of ["dragover", "drop"])
    window.addEventListener(name, (event) => event.preventDefault());
  document.addEventListener("paste", (event) => take(event.clipboardData.files[0]));
  return {
    read: () => pixels,
    show(image, words) {
      latest++;
      pixels = image;
      say(words);
    },
  };
}
