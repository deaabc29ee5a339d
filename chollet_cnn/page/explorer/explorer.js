// The page: what is put into the network, the network as the reader has changed it, and what shows.

import { background, serve } from "./background.js";
import { changed, key } from "./changes.js";
import { costButton } from "./cost.js";
import { classOf, loadWeights, unpack } from "./data.js";
import { digitInput } from "./digit_input.js";
import { epochList, epochSlider } from "./epochs.js";
import { addressed, gridOf, readBy, receptiveField, resizeHeat } from "./explain.js";
import { gradCam } from "./grad_cam.js";
import { inspector } from "./inspector.js";
import { layerRows } from "./layer_rows.js";
import { forward, predictedClass, probabilities, withWeights } from "./network.js";
import { decimals, percent, short } from "./numbers.js";
import { photoInput } from "./photo_input.js";
import { byId, crosshair, outline, paintHeat, paintImage, thumbnail } from "./pictures.js";
import { predictionBars } from "./prediction.js";

const HEAVY = 60_000_000; // multiplications above which a pass runs in a worker; digits have fewer
const PAUSE = 500; // milliseconds without a change before the prediction is said
const ROOMY = "(min-width: 75rem)";

/** Unpack the data, build the page and show the first stored image. */
export async function start(source) {
  const data = JSON.parse(byId("data").textContent);
  const [height, width, colours] = data.layers[0].inputShape;
  const weights = data.weights ?? (await loadWeights(data.weightsFile, byId("load")));
  const epochs = epochList(data, weights, background(source));
  const first = withWeights(data.layers, await epochs.find((epoch) => epoch.tested).weights());
  const isHeavy = data.multiplications > HEAVY;
  const state = {
    classes: data.classes,
    images: await unpackAll(data.images),
    channels: {},
    learned: first, // the network of the chosen epoch
    changes: new Map(),
    layers: first, // the same with the reader's changes, as computed last
    pixels: new Uint8Array(height * width * colours),
    pass: null,
    selected: null,
    openChannel: null,
    target: null, // the class that Grad-CAM is asked about, if it is not the predicted one
  };
  for (const [name, known] of Object.entries(data.channels))
    state.channels[name] = await unpackAll(known);

  // ---- From the input to every picture on the page -------------------------------------------

  let scheduled = false;
  const schedule = () => {
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(() => {
      scheduled = false;
      update();
    });
  };
  const forget = () => (state.target = null);
  const input =
    colours === 1 ? digitInput(schedule, forget) : photoInput([height, width], schedule, forget);
  const worker = background(source);

  let onFirstPass = null;
  const firstPass = new Promise((resolve) => (onFirstPass = resolve));

  const update = () => {
    state.pixels = input.read();
    compute();
  };
  let pause = null;
  let panelIsOld = true; // until a pass has finished; the one that was to renew it may be given up
  /** Send the input through the changed network, in a worker where that takes long. */
  const compute = (panel = false) => {
    clearTimeout(pause);
    panelIsOld ||= panel;
    const layers = changed(state.learned, state.changes);
    const finish = (pass) => {
      byId("busy").hidden = true;
      [state.layers, state.pass] = [layers, pass];
      show(state.selected, panelIsOld);
      panelIsOld = false;
      showBars(pass);
      pause = setTimeout(sayPrediction, PAUSE);
      onFirstPass();
    };
    if (!isHeavy) return finish(forward(layers, state.pixels));
    byId("busy").hidden = false;
    const progress = (done) => (byId("busy").value = done);
    return worker.run({ name: "forward", layers, pixels: state.pixels }, progress).then(finish);
  };
  const show = (at, panel = false) => {
    if (!state.pass) return;
    const pointed = at && { ...at, window: readBy(state.layers, at) };
    rows.draw(state.pass, pointed, state.changes);
    showSeen(at);
    if (at) about.show(at, panel);
  };
  const showSeen = (at) => {
    const seen = byId("seen");
    paintImage(seen, state.pass.pixels, width, height, colours);
    if (byId("box-figure")?.hidden === false) crosshair(seen, { row: 14, column: 14 }, width);
    byId("heat-words").hidden = !byId("heat").checked;
    if (byId("heat").checked) {
      const target = state.target ?? predictedClass(state.pass);
      const heat = gradCam(state.layers, state.pass, target);
      const most = paintHeat(seen, resizeHeat(heat, state.layers, height, width), width, height);
      const [name, size] = [
        state.classes[target],
        `${heat.columns}×${heat.rows} cells of ${state.layers[heat.layer].name}`,
      ];
      byId("heat-words").textContent =
        most > 0
          ? `Grad-CAM for class ${name}: ${size}, resized to the image. Transparent is 0, full vermilion is ${short(most)}. Click a class to see its heatmap.`
          : `Grad-CAM for class ${name} is zero in all ${size}: nothing there supports this class.`;
    }
    if (at) outline(seen, receptiveField(state.layers, at), width, height);
  };
  const showBars = predictionBars(byId("bars"), data.classes, (index) => {
    if (!state.pass) return;
    state.target = index;
    const last = state.layers.length - 1;
    select(last, Math.min(index, gridOf(state.layers[last])[2] - 1), null);
  });
  const say = (words) => {
    clearTimeout(pause);
    const spoken = byId("spoken");
    if (spoken.textContent !== words) spoken.textContent = words; // the same would be read again
  };
  const sayPrediction = () => {
    const best = predictedClass(state.pass);
    say(`Prediction ${data.classes[best]}, ${percent(probabilities(state.pass)[best], 1)}`);
  };
  byId("heat").addEventListener("change", () => show(state.selected));

  // ---- Pointing at a number -------------------------------------------------------------------

  const strongestCell = (index, channel) => {
    const [, columns, channels] = gridOf(state.layers[index]);
    const values = state.pass.values[index];
    let best = channel;
    for (let i = channel; i < values.length; i += channels) if (values[i] > values[best]) best = i;
    const cell = (best - channel) / channels;
    return { row: Math.floor(cell / columns), column: cell % columns };
  };
  const select = (index, channel, cell, byKeyboard = false, enter = false) => {
    if (!state.pass) return; // there is nothing to see yet
    const before = state.selected;
    if (before?.layer !== index) state.openChannel = null;
    const keep = before?.layer === index ? { row: before.row, column: before.column } : null;
    state.selected = { layer: index, channel, ...(cell ?? keep ?? strongestCell(index, channel)) };
    document.body.classList.add("inspecting");
    show(state.selected, before?.layer !== index || before?.channel !== channel);
    if (byKeyboard) say(about.words(state.selected));
    if (enter) about.map.focus();
  };
  const close = () => {
    const { layer } = state.selected;
    state.selected = null;
    document.body.classList.remove("inspecting");
    show(null);
    rows.focus(layer);
  };

  // ---- Changing the network -------------------------------------------------------------------

  const change = (layer, channel, wanted) => {
    const before = state.changes.get(key(layer, channel)) ?? {};
    const isNothing = (wanted.scale ?? 1) === 1 && !wanted.kernel;
    if (isNothing) state.changes.delete(key(layer, channel));
    else state.changes.set(key(layer, channel), wanted);
    listChanges();
    compute(before.kernel !== wanted.kernel);
  };
  const listChanges = () => {
    const words = [...state.changes].map(([place, { scale = 1, kernel }]) => {
      const [layer, channel] = place.split("/").map(Number);
      const how = scale === 0 ? "off" : scale !== 1 && `at ${decimals(100 * scale, 0)}%`;
      const what = [kernel && "another kernel", how].filter(Boolean).join(", ");
      return `${state.layers[layer].name} channel ${channel} ${what}`;
    });
    byId("changes").hidden = words.length === 0;
    byId("changes-list").textContent = `${words.join("; ")}.`;
    resetCost();
  };
  byId("undo-changes").addEventListener("click", () => {
    state.changes.clear();
    listChanges();
    compute(true);
    rows.focus(state.selected?.layer ?? 0); // the button is gone
  });
  const resetCost = costButton(source, state.images, data.classes, () => ({
    learned: state.learned,
    layers: changed(state.learned, state.changes), // state.layers waits for a pass to finish
  }));
  epochSlider(byId("epoch"), byId("epoch-words"), epochs, (weights) => {
    state.learned = withWeights(data.layers, weights);
    resetCost();
    compute(true);
  });

  // ---- Test images ----------------------------------------------------------------------------

  const showImage = (pixels, words) => {
    forget();
    input.show(pixels, words);
    update();
  };
  const size = height * width * colours;
  const shape = [width, height, colours];
  const stored = (at) => state.images.pixels.subarray(size * at, size * (at + 1));
  const showStored = (at) => {
    const name = classOf(state.images, at);
    showImage(
      stored(at),
      `Image ${state.images.places[at]} of ${state.images.source} (class ${name}), given to the network unchanged.`,
    );
  };
  for (const at of samples(state.images, colours === 1 ? 1 : 4)) {
    const name = classOf(state.images, at);
    byId("samples").append(
      thumbnail([stored(at), ...shape], `Class ${name}, ${state.images.noun}`, name, () =>
        showStored(at),
      ),
    );
  }
  const mistakes = await unpack(data.mistakes.pixels);
  data.mistakes.list.forEach(({ place, truth, given }, rank) => {
    const pixels = mistakes.subarray(size * rank, size * (rank + 1));
    const words = `Image ${place} of ${state.images.source} (class ${truth}): the trained network predicts ${given}. The image is given to it unchanged.`;
    const label = `${truth}, not ${given}: a test image of class ${truth}, predicted as ${given}`;
    byId("mistakes").append(
      thumbnail([pixels, ...shape], label, `${truth}, not ${given}`, () =>
        showImage(pixels, words),
      ),
    );
  });
  byId("mistakes-block").hidden = data.mistakes.list.length === 0;

  document.documentElement.classList.add("scripted");
  document.documentElement.classList.toggle("framed", window.parent !== window);
  const rows = layerRows(byId("rows"), data.layers, data.classes, select);
  const about = inspector(byId("inspector"), state, {
    select,
    change,
    close,
    preview: (cell) => state.selected && show({ ...state.selected, ...cell }),
    showImage: showStored,
    back: (layer) => rows.focus(layer),
  });
  showStored(Math.max(0, state.images.labels.indexOf(3)));
  await firstPass;
  const open = () => openAddress(state, select, rows);
  open();
  window.addEventListener("hashchange", open);
  // For those who want to compute with it in the browser's console, and for the tests.
  window.explorer = { state, input, forward, update, compute, select, epochs, showImage, gradCam };
}

/** Return the places of the first `count` images of each class. */
function samples({ labels, classes }, count) {
  const places = classes.map((_, label) =>
    Array.from(labels.keys())
      .filter((at) => labels[at] === label)
      .slice(0, count),
  );
  return places.flat();
}

/** Open what the address names, such as #conv2d_1/7; on a wide screen, otherwise, a first channel. */
function openAddress(state, select, rows) {
  const named = addressed(location.hash, state.layers);
  if (named) {
    select(named.layer, named.channel, null);
    rows.reveal(named.layer);
  } else if (window.matchMedia(ROOMY).matches && !state.selected) {
    const convolution = state.layers.findIndex((layer) => layer.kind === "convolution");
    const values = state.pass.values[convolution];
    const brightest = values.indexOf(values.reduce((a, b) => Math.max(a, b)));
    select(convolution, brightest % gridOf(state.layers[convolution])[2], null);
  }
}

/** Unpack the packed arrays of an object; everything else stays as it is. */
async function unpackAll(packed) {
  const entries = Object.entries(packed).map(async ([name, value]) => [
    name,
    value?.dtype ? await unpack(value) : value,
  ]);
  return Object.fromEntries(await Promise.all(entries));
}

if (typeof document === "undefined") serve();
else start(document.currentScript.textContent);
