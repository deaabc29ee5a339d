// The page: what is on the pad, the network as the reader has changed it, and what shows them.

import { changed, key } from "./changes.js";
import { unpack } from "./data.js";
import { drawingPad } from "./drawing_pad.js";
import { evaluateInBackground, serve } from "./evaluate.js";
import { gridOf, receptiveField, resizeHeat } from "./explain.js";
import { gradCam } from "./grad_cam.js";
import { inspector } from "./inspector.js";
import { layerRows } from "./layer_rows.js";
import { asMnist, BOX, FRAME, resize } from "./mnist_look.js";
import { forward, probabilities, withWeights } from "./network.js";
import { decimals, percent, whole } from "./numbers.js";
import { make, outline, paintGrey, paintHeat } from "./pictures.js";
import { startingWeights } from "./starting_weights.js";

const byId = (id) => document.getElementById(id);

/** Unpack the data, build the page and show the first test image. */
export async function start(source) {
  const data = JSON.parse(byId("data").textContent);
  const images = {
    ...data.images,
    pixels: await unpack(data.images.pixels),
    labels: await unpack(data.images.labels),
    places: await unpack(data.images.places),
  };
  const channels = {};
  for (const [name, known] of Object.entries(data.channels))
    channels[name] = {
      ...known,
      strongest: await unpack(known.strongest),
      largest: await unpack(known.largest),
      ascent: await unpack(known.ascent),
    };
  const mistakes = await unpack(data.mistakes.pixels);
  const epochs = epochList(data);
  const first = withWeights(data.layers, await epochs.find((epoch) => epoch.tested).weights());

  const state = {
    classes: data.classes,
    images,
    channels,
    learned: first, // the network of the chosen epoch
    changes: new Map(),
    layers: first, // the same with the reader's changes
    pixels: new Uint8Array(FRAME * FRAME),
    pass: null,
    selected: null,
    openChannel: null,
    target: null, // the class that Grad-CAM is asked about, if it is not the predicted one
  };

  // ---- From the pad to every picture on the page -------------------------------------------

  const pad = drawingPad(byId("pad"), byId("pen"), () => {
    fixed = null;
    schedule();
  });
  let fixed = null; // a test image that is sent as it is, until it is drawn on

  const readPad = () => {
    byId("step").textContent = "";
    byId("box-figure").hidden = true;
    if (fixed && !pad.drawn) {
      state.pixels = fixed.pixels;
      byId("step").textContent = fixed.words;
      return;
    }
    const ink = pad.ink();
    if (!byId("centre").checked) {
      state.pixels = resize(ink, pad.side, pad.side, FRAME, FRAME).map((value) => Math.round(255 * value));
      byId("step").textContent = "Each of the 28×28 pixels is the mean of 10×10 of the pad.";
      return;
    }
    const digit = asMnist(ink, pad.side, pad.side);
    state.pixels = digit?.pixels ?? new Uint8Array(FRAME * FRAME);
    if (digit) showBox(digit);
    byId("step").textContent = digit
      ? "As MNIST does it: scaled into a box, then moved until its centre of mass (blue) is in the middle."
      : "Nothing is drawn yet.";
  };

  /** Show the step between the pad and what the network sees: the digit in a box of 20x20. */
  const showBox = ({ pixels, box, middle }) => {
    const boxed = new Uint8Array(BOX * BOX);
    const top = Math.floor((BOX - box.height) / 2);
    const left = Math.floor((BOX - box.width) / 2);
    for (let row = 0; row < box.height; row++) {
      const from = (box.top + row) * FRAME + box.left;
      boxed.set(pixels.subarray(from, from + box.width), (top + row) * BOX + left);
    }
    byId("box-figure").hidden = false;
    paintGrey(byId("box"), boxed, BOX, BOX);
    const cell = { top: top + middle.row, left: left + middle.column, height: 1, width: 1 };
    outline(byId("box"), cell, BOX, BOX, { color: "#58b4e8", width: 4 });
  };

  let scheduled = false;
  const schedule = () => {
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(() => {
      scheduled = false;
      update();
    });
  };

  const update = () => {
    readPad();
    compute();
  };

  const compute = ({ panel = false } = {}) => {
    state.pass = forward(state.layers, state.pixels);
    show(state.selected, panel);
    showPrediction();
  };

  const show = (at, panel = false) => {
    const pointed = at && { ...at, window: about.windowFor(state, at) };
    rows.draw(state.pass, pointed, state.changes);
    showSeen(at);
    if (at) about.show(state, at, panel);
  };

  const showSeen = (at) => {
    const seen = byId("seen");
    paintGrey(seen, state.pixels, FRAME, FRAME);
    byId("heat-words").hidden = !byId("heat").checked;
    if (byId("heat").checked) {
      const target = state.target ?? predicted();
      const heat = gradCam(state.layers, state.pass, target);
      const most = paintHeat(seen, resizeHeat(heat, state.layers), FRAME, FRAME);
      const size = `${heat.columns}×${heat.rows} cells of ${state.layers[heat.layer].name}`;
      byId("heat-words").textContent = most > 0
        ? `Grad-CAM for class ${state.classes[target]}: ${size}, resized; 0 is clear, ${decimals(most, 2)} full vermilion. Click a class to ask about it.`
        : `Grad-CAM for class ${state.classes[target]} is zero in all ${size}: nothing there speaks for it.`; // prettier-ignore
    }
    if (at) outline(seen, receptiveField(state.layers, at.layer, at.row, at.column), FRAME, FRAME);
  };

  // ---- Prediction ---------------------------------------------------------------------------

  const predicted = () => {
    const answer = probabilities(state.pass);
    return answer.indexOf(Math.max(...answer));
  };
  const last = state.layers.length - 1;
  const bars = data.classes.map((name, index) => {
    const [fill, number] = [make("i"), make("b")];
    const button = make("button", { type: "button", onclick: () => {
      state.target = index;
      select(last, index, null);
    } }, make("span", { class: "class" }, name), make("span", { class: "bar" }, fill), number);
    byId("bars").append(button);
    return { button, fill, number };
  }); // prettier-ignore
  const showPrediction = () => {
    const answer = probabilities(state.pass);
    const best = predicted();
    bars.forEach(({ button, fill, number }, index) => {
      fill.style.width = `${100 * answer[index]}%`;
      number.textContent = percent(answer[index], 2);
      button.classList.toggle("best", index === best);
      button.setAttribute("aria-label", `${data.classes[index]}: ${number.textContent}`);
    });
  };
  const say = (words) => {
    byId("spoken").textContent = words;
  };
  const sayPrediction = () => {
    const best = predicted();
    say(`Prediction ${data.classes[best]}, ${percent(probabilities(state.pass)[best], 1)}`);
  };
  byId("pad").addEventListener("pointerup", () => requestAnimationFrame(sayPrediction));

  // ---- Pointing at a number -----------------------------------------------------------------

  const strongestCell = (index, channel) => {
    const [, columns, channelCount] = gridOf(state.layers[index]);
    const values = state.pass.values[index];
    let best = channel;
    for (let i = channel; i < values.length; i += channelCount) if (values[i] > values[best]) best = i;
    const cell = (best - channel) / channelCount;
    return { row: Math.floor(cell / columns), column: cell % columns };
  };

  const select = (index, channel, cell, byKeyboard = false, enter = false) => {
    const before = state.selected;
    if (before?.layer !== index) state.openChannel = null;
    const keep = before?.layer === index ? { row: before.row, column: before.column } : null;
    state.selected = { layer: index, channel, ...(cell ?? keep ?? strongestCell(index, channel)) };
    document.body.classList.add("inspecting");
    show(state.selected, before?.layer !== index || before?.channel !== channel);
    if (byKeyboard) say(about.words(state, state.selected));
    if (enter) about.map.focus();
  };
  const close = () => {
    const { layer } = state.selected;
    state.selected = null;
    document.body.classList.remove("inspecting");
    show(null);
    rows.focus(layer);
  };

  // ---- Changing the network -----------------------------------------------------------------

  const change = (layer, channel, wanted) => {
    const before = state.changes.get(key(layer, channel)) ?? {};
    const isNothing = (wanted.scale ?? 1) === 1 && !wanted.kernel;
    if (isNothing) state.changes.delete(key(layer, channel));
    else state.changes.set(key(layer, channel), wanted);
    applyChanges(before.kernel !== wanted.kernel || wanted.scale === 0 || wanted.scale === 1);
  };
  const applyChanges = (panel) => {
    state.layers = changed(state.learned, state.changes);
    compute({ panel });
    listChanges();
  };
  const listChanges = () => {
    const words = [...state.changes].map(([place, { scale = 1, kernel }]) => {
      const [layer, channel] = place.split("/").map(Number);
      const what = [kernel && "another kernel", scale === 0 ? "off" : scale !== 1 && `at ${decimals(100 * scale, 0)}%`];
      return `${state.layers[layer].name} channel ${channel} ${what.filter(Boolean).join(", ")}`;
    });
    byId("changes").hidden = words.length === 0;
    byId("changes-list").textContent = `${words.join("; ")}.`;
    forgetCost();
  };
  byId("undo-changes").addEventListener("click", () => {
    state.changes.clear();
    applyChanges(true);
  });

  // ---- What a change costs ------------------------------------------------------------------

  let evaluation = null;
  const before = new Map(); // an epoch's counts without changes
  const forgetCost = () => {
    evaluation?.stop();
    evaluation = null;
    byId("cost-progress").hidden = true;
    byId("cost").disabled = false;
    byId("cost-table").replaceChildren();
  };
  byId("cost").addEventListener("click", async () => {
    const bar = byId("cost-progress");
    byId("cost").disabled = true;
    bar.hidden = false;
    const epoch = byId("epoch").value;
    const tasks = before.has(epoch) ? [state.layers] : [state.learned, state.layers];
    const results = [];
    for (const layers of tasks) {
      const task = { layers, images: images.pixels, labels: images.labels, classes: data.classes.length };
      const mine = evaluateInBackground(source, task, (done) => {
        bar.value = (results.length + done) / tasks.length;
      });
      evaluation = mine;
      results.push(await mine.counts);
      if (evaluation !== mine) return;
    }
    if (results.length === 2) before.set(epoch, results[0]);
    forgetCost();
    byId("cost-table").replaceChildren(costTable(before.get(epoch), results.at(-1), data.classes, images.source));
  });

  // ---- Epochs -------------------------------------------------------------------------------

  const slider = byId("epoch");
  slider.max = epochs.length - 1;
  slider.value = epochs.findIndex((epoch) => epoch.tested);
  const showEpoch = () => {
    const { words } = epochs[slider.value];
    byId("epoch-words").textContent = words;
    slider.setAttribute("aria-valuetext", words);
  };
  showEpoch();
  slider.addEventListener("input", async () => {
    showEpoch();
    const chosen = slider.value;
    const weights = await epochs[chosen].weights();
    if (slider.value !== chosen) return;
    state.learned = withWeights(data.layers, weights);
    applyChanges(true);
  });

  // ---- Test images --------------------------------------------------------------------------

  const showImage = (pixels, words) => {
    state.target = null;
    pad.show(pixels);
    fixed = { pixels, words };
    update();
    sayPrediction();
  };
  const stored = (at) => images.pixels.subarray(784 * at, 784 * (at + 1));
  const showStored = (at) =>
    showImage(stored(at), `Image ${images.places[at]} of ${images.source}, a ${data.classes[images.labels[at]]}; sent as it is.`);
  const thumbnail = (pixels, label, words, onclick) => {
    const canvas = make("canvas", { width: 56, height: 56 });
    paintGrey(canvas, pixels, 28, 28);
    return make("button", { type: "button", class: "thumb", "aria-label": label, onclick }, canvas, make("span", {}, words));
  };
  data.classes.forEach((name, index) => {
    const at = images.labels.indexOf(index);
    if (at >= 0) byId("samples").append(thumbnail(stored(at), `Test image of a ${name}`, name, () => showStored(at)));
  });
  data.mistakes.list.forEach((mistake, rank) => {
    const pixels = mistakes.subarray(784 * rank, 784 * (rank + 1));
    const words = `Image ${mistake.place} of ${images.source}: a ${mistake.true}, which the trained network takes for a ${mistake.given}; sent as it is.`;
    byId("mistakes").append(thumbnail(pixels, `Test image of a ${mistake.true}, taken for a ${mistake.given}`, `${mistake.true}, not ${mistake.given}`, () => showImage(pixels, words)));
  });
  byId("mistakes-block").hidden = data.mistakes.list.length === 0;

  // ---- Controls -----------------------------------------------------------------------------

  byId("clear").addEventListener("click", () => {
    state.target = null;
    pad.clear();
  });
  byId("undo").addEventListener("click", () => pad.undo());
  byId("eraser").addEventListener("click", ({ target }) => {
    const on = target.getAttribute("aria-pressed") !== "true";
    target.setAttribute("aria-pressed", String(on));
    pad.erase(on);
  });
  byId("centre").addEventListener("change", () => update());
  byId("heat").addEventListener("change", () => show(state.selected));

  const rows = layerRows(byId("rows"), data.layers, data.classes, select);
  const about = inspector(byId("inspector"), {
    select,
    change,
    close,
    preview: (cell) => state.selected && show({ ...state.selected, ...cell }),
    showImage: showStored,
    back: (layer) => rows.focus(layer),
  });

  document.documentElement.classList.add("scripted");
  showStored(images.labels.indexOf(3) >= 0 ? images.labels.indexOf(3) : 0);
  const open = () => openAddress(state, select, rows);
  open();
  window.addEventListener("hashchange", open);
  // For those who want to compute with it in the browser's console, and for the tests.
  window.explorer = { state, pad, forward, update, compute, select, show, epochs, showImage, gradCam, whole };
}

/** Open what the address names, such as #conv2d_1/7; on a wide screen, otherwise, a first cell. */
function openAddress(state, select, rows) {
  const [name, channel] = decodeURIComponent(location.hash.slice(1)).split("/");
  const index = state.layers.findIndex((layer) => layer.name === name);
  if (index >= 0) {
    const count = gridOf(state.layers[index])[2];
    select(index, Math.min(Number(channel) || 0, count - 1), null);
    rows.reveal(index);
  } else if (window.matchMedia("(min-width: 75rem)").matches && !state.selected) {
    const convolution = state.layers.findIndex((layer) => layer.kind === "convolution");
    select(convolution, brightestChannel(state, convolution), null);
  }
}

function brightestChannel(state, index) {
  const values = state.pass.values[index];
  return values.indexOf(values.reduce((a, b) => Math.max(a, b))) % gridOf(state.layers[index])[2];
}

/** Return the epochs of the slider, each with a function that gets its weights. */
function epochList(data) {
  const starting = () => startingWeights(data.layers, data.weightsSeed);
  const list = [{ epoch: 0, words: "0, before training", weights: starting }];
  for (const { epoch, weights } of data.epochs)
    list.push({ epoch, words: `${epoch} of ${data.lastEpoch}`, weights: () => unpack(weights) });
  const tested = `${data.testedEpoch} of ${data.lastEpoch}, tested`;
  list.push({ epoch: data.testedEpoch, words: tested, tested: true, weights: () => unpack(data.weights) });
  for (const epoch of list) {
    let kept = null;
    const get = epoch.weights;
    epoch.weights = () => (kept ??= get());
  }
  return list.sort((one, other) => one.epoch - other.epoch);
}

/** Return a table of accuracies by class, before and after a change. */
function costTable(before, after, classes, source) {
  const sum = (counts) => counts.reduce((a, b) => a + b, 0);
  const row = (name, right, rightAfter, total, className = "") => {
    const difference = rightAfter - right;
    const sign = difference > 0 ? "+" : "";
    return make("tr", className ? { class: className } : {},
      make("th", { scope: "row" }, name), make("td", {}, percent(right / total)), make("td", {}, percent(rightAfter / total)),
      make("td", { class: difference < 0 ? "worse" : "" }, difference ? `${sign}${decimals(difference, 0)}` : "0"), make("td", {}, whole(total)));
  }; // prettier-ignore
  const rows = classes.map((name, i) => row(name, before.right[i], after.right[i], before.total[i]));
  const total = row("all", sum(before.right), sum(after.right), sum(before.total), "all");
  const head = ["class", "before", "after", "right answers", "images"].map((name) => make("th", { scope: "col" }, name));
  return make("table", { class: "cost" },
    make("caption", {}, `Accuracy on ${whole(sum(before.total))} images of ${source}, without and with the change`),
    make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, total, ...rows)); // prettier-ignore
}

if (typeof document === "undefined") serve();
else start(document.currentScript.textContent);
