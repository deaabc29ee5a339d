// What one channel of a convolution is: its kernel, what activates it, and the controls to change it.

import { key, kernelOf } from "./changes.js";
import { classOf } from "./data.js";
import { counted, decimals } from "./numbers.js";
import { make, paintImage, paintSigned, thumbnail } from "./pictures.js";
import { grid } from "./sums.js";

/** Kernels of the articles, for the first layer. */
export const HANDMADE = {
  sharpen: [0, -1, 0, -1, 5, -1, 0, -1, 0],
  edge: [-1, -1, -1, -1, 8, -1, -1, -1, -1],
  "Sobel horizontal": [-1, -2, -1, 0, 0, 0, 1, 2, 1],
  "Sobel vertical": [-1, 0, 1, -2, 0, 2, -1, 0, 1],
};
const PER_PIXEL = 0.01; // how far a weight moves while it is dragged

/**
 * Return elements for a channel: `state` as the explorer keeps it, `actions.change(layer, channel,
 * { scale, kernel })` and `actions.showImage(place)`.
 */
export function channelView(state, { layer: index, channel }, actions) {
  const layer = state.layers[index];
  const change = () => state.changes.get(key(index, channel)) ?? {};
  const set = (part) => actions.change(index, channel, { ...change(), ...part });
  const editable = layer.inputShape[2] === 1 && layer.size === 3;
  const learned = state.learned[index];
  return [
    make("h3", {}, "Change this channel"),
    switches(change().scale ?? 1, set),
    ...(editable
      ? kernelEditor(kernelOf(learned, channel), () => change().kernel, channel, set)
      : [kernelSheet(learned, channel)]),
    ...exciting(state, layer, channel, actions),
  ];
}

function switches(scale, set) {
  const on = make("input", {
    type: "checkbox",
    id: "channel-on",
    role: "switch",
    onchange: () => choose(on.checked ? 1 : 0),
  });
  const words = make("output", { for: "strength" });
  const strength = make("input", {
    type: "range",
    id: "strength",
    min: 0,
    max: 2,
    step: 0.05,
    oninput: () => choose(Number(strength.value)),
  });
  const show = (value) => {
    on.checked = value > 0;
    strength.value = value;
    words.textContent = `${decimals(100 * value, 0)}%`;
  };
  const choose = (value) => {
    show(value);
    set({ scale: value });
  };
  show(scale);
  return make(
    "p",
    { class: "switches" },
    make("label", {}, on, " on"),
    make("label", { class: "strength" }, "strength ", strength, " ", words),
  );
}

/** The nine numbers of a first-layer kernel, to be dragged or entered. */
function kernelEditor(learned, current, channel, set) {
  const kernel = current() ?? learned;
  const largest = Math.max(...kernel.map(Math.abs), 1e-9);
  const cells = kernel.map((weight, i) => {
    const input = make("input", {
      type: "number",
      step: "0.05",
      value: weight.toFixed(4),
      "aria-label": `weight in row ${Math.floor(i / 3)}, column ${i % 3}`,
    });
    const update = (value) =>
      set({ kernel: (current() ?? learned).map((old, at) => (at === i ? value : old)) });
    input.addEventListener("change", () => {
      const value = input.valueAsNumber;
      // An update rebuilds the editor, so it waits until the focus has moved on and a press has become
      // a click. If that click has rebuilt the editor already, it came later and counts.
      if (Number.isFinite(value)) afterPress(() => input.isConnected && update(value));
    });
    draggable(input, weight, update);
    const share = Math.round((55 * Math.abs(weight)) / largest);
    const cell = make("td", {}, input);
    cell.style.background = `color-mix(in srgb, var(${weight < 0 ? "--mark" : "--data"}) ${share}%, transparent)`;
    return cell;
  });
  const table = grid("kernel", cells, 3);
  table.setAttribute("aria-label", `Kernel of channel ${channel}`);
  const choices = [["learned", null], ...Object.entries(HANDMADE)].map(([name, numbers]) =>
    make(
      "button",
      {
        type: "button",
        "aria-pressed": String(same(numbers ?? learned, kernel)),
        onclick: () => set({ kernel: numbers }),
      },
      name,
    ),
  );
  return [
    table,
    make(
      "p",
      { class: "note" },
      "Its kernel: drag a number up or down, or enter one. The bias stays as it is. Or replace it by one made by hand:",
    ),
    make("p", { class: "buttons" }, ...choices),
  ];
}

let press = Promise.resolve(); // settled unless a pointer is down
if (typeof window !== "undefined") {
  const begin = () =>
    (press = new Promise((end) => {
      for (const name of ["pointerup", "pointercancel"])
        window.addEventListener(name, end, { once: true });
    }));
  window.addEventListener("pointerdown", begin, true);
}

/** Do something soon, but not before the click that a press under way becomes. */
const afterPress = (action) => press.then(() => setTimeout(action));

const same = (one, other) => one.every((value, i) => Math.abs(value - other[i]) < 1e-6);

/** Let a number be dragged up and down by mouse or pen; a finger scrolls and taps. */
export function draggable(input, weight, update) {
  input.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "touch" || event.button > 0) return;
    const { clientY: start, pointerId: mine } = event;
    const move = ({ clientY, pointerId }) => {
      if (pointerId !== mine || Math.abs(clientY - start) < 3) return;
      input.blur();
      update(Math.round((weight + (start - clientY) * PER_PIXEL) * 100) / 100);
    };
    const dragging = new AbortController();
    const end = ({ pointerId }) => {
      if (pointerId === mine) dragging.abort();
    };
    window.addEventListener("pointermove", move, { signal: dragging.signal });
    for (const name of ["pointerup", "pointercancel"])
      window.addEventListener(name, end, { signal: dragging.signal });
  });
}

/** The kernel of a deeper channel: nine weights for each input channel, as small squares. */
function kernelSheet(layer, channel) {
  const weights = kernelOf(layer, channel);
  const { size, inputShape } = layer;
  const inputs = inputShape[2];
  const largest = Math.max(...weights.map(Math.abs));
  const across = 16;
  const canvas = make("canvas", {
    width: across * 21,
    height: Math.ceil(inputs / across) * 21,
    class: "kernel-sheet",
    role: "img",
    "aria-label": `The ${inputs} kernels of channel ${channel}, one for each input channel`,
  });
  const one = document.createElement("canvas");
  one.width = one.height = 18;
  const context = canvas.getContext("2d");
  for (let from = 0; from < inputs; from++) {
    const numbers = Array.from({ length: size * size }, (_, i) => weights[i * inputs + from]);
    paintSigned(one, numbers, size, size, largest);
    context.drawImage(one, (from % across) * 21, Math.floor(from / across) * 21);
  }
  const words = `Its ${inputs} kernels of ${size}×${size}, one for each input channel: blue above zero, vermilion below, full colour ${decimals(largest, 2)}.`;
  return make("figure", {}, canvas, make("figcaption", {}, words));
}

/** The stored images that excite a channel most, and the image that gradient ascent makes. */
function exciting(state, layer, channel, actions) {
  const known = state.channels[layer.name];
  const count = known.strongest.length / layer.shape[2];
  const [rows, columns, colours] = state.layers[0].inputShape;
  const size = rows * columns * colours;
  const images = Array.from({ length: count }, (_, rank) => {
    const at = channel * count + rank;
    const place = known.strongest[at];
    const pixels = state.images.pixels.subarray(size * place, size * (place + 1));
    const value = decimals(known.largest[at], 2);
    const label = `Class ${classOf(state.images, place)}, ${state.images.noun}, largest value ${value}`;
    const show = () => actions.showImage(place);
    return thumbnail([pixels, columns, rows, colours], label, value, show);
  });
  const all = counted(state.images.labels.length, `stored ${state.images.noun}`);
  const inactive = known.largest[channel * count] <= 0;
  return [
    make("h3", {}, "What activates it most"),
    make(
      "div",
      { class: "exciting" },
      make(
        "figure",
        {},
        make("div", { class: "strip" }, ...images),
        make(
          "figcaption",
          {},
          inactive
            ? `Inactive: zero for the ${all}.`
            : `Strongest first, of ${all}, each with the largest value of its feature map; click one to see it.`,
        ),
      ),
      ascentFigure(state, layer, channel),
    ),
    make("p", { class: "note" }, "Computed with the tested weights, before any of your changes."),
  ];
}

/** The image that gradient ascent makes for a channel, or why there is none. */
function ascentFigure(state, layer, channel) {
  const { ascent, ascentLevels, ascentSide: side } = state.channels[layer.name];
  const colours = state.layers[0].inputShape[2];
  const size = side * side * colours;
  if (size * channel >= ascent.length) {
    const words = `Gradient ascent made images for the first ${ascent.length / size} channels; all of them would take minutes.`;
    return make("p", { class: "note" }, words);
  }
  const label = `Image that gradient ascent makes for channel ${channel}`;
  const canvas = make("canvas", { width: 84, height: 84, role: "img", "aria-label": label });
  const levels = ascent.subarray(channel * size, (channel + 1) * size);
  const pixels = levels.map((level) => (255 * level) / (ascentLevels - 1));
  paintImage(canvas, pixels, side, side, colours);
  return make("figure", {}, canvas, make("figcaption", {}, "By gradient ascent"));
}
