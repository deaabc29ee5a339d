// The panel that shows one number at a time: the window it is made from, its sum, its channel.

import { channelView } from "./channel.js";
import { denseView, sigmoidView, softmaxView } from "./dense_sums.js";
import { convolutionSum, gridOf, inputOf, valueAt, windowOf } from "./explain.js";
import { channelOf, greysOf, make, outline, paintGrey } from "./pictures.js";
import { averageView, convolutionView, poolingView, write } from "./sums.js";

/**
 * Build the panel; it shows what is in `state`. `actions` has `select(layer, channel, cell)`,
 * `preview(cell)`, `change(...)`, `showImage(place)`, `close()` and `back(layer)`.
 */
export function inspector(panel, state, actions) {
  const title = make("h2", { id: "inspector-title", tabindex: "-1" });
  const previous = make(
    "button",
    { type: "button", "aria-label": "Previous channel", onclick: () => step(-1) },
    "‹",
  );
  const next = make(
    "button",
    { type: "button", "aria-label": "Next channel", onclick: () => step(1) },
    "›",
  );
  const close = make(
    "button",
    { type: "button", class: "close", onclick: () => actions.close() },
    "Close",
  );
  const reads = make("canvas", { width: 240, height: 240, role: "img" });
  const readsWords = make("figcaption");
  const map = make("canvas", { width: 240, height: 240, tabindex: "0", role: "application" });
  const mapWords = make("figcaption");
  const readsFigure = make("figure", {}, reads, readsWords);
  const mapFigure = make("figure", {}, map, mapWords);
  const figures = make("div", { class: "figures" }, readsFigure, mapFigure);
  const cell = make("p", { class: "cell" });
  const sum = make("div", { class: "sum" });
  const about = make("div", { class: "about" });
  panel.append(
    make("div", { class: "head" }, title, previous, next, close),
    make("div", { class: "body" }, cell, figures, sum, about),
  );

  const step = (by) => {
    const { layer, channel } = state.selected;
    const count = gridOf(state.layers[layer])[2];
    actions.select(layer, (channel + by + count) % count, null, true);
  };

  const cellUnder = (event) => {
    const box = map.getBoundingClientRect();
    const [rows, columns] = gridOf(state.layers[state.selected.layer]);
    const inside = (share, cells) => Math.min(cells - 1, Math.max(0, Math.floor(share * cells)));
    return {
      row: inside((event.clientY - box.top) / box.height, rows),
      column: inside((event.clientX - box.left) / box.width, columns),
    };
  };
  map.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch") actions.preview(cellUnder(event));
  });
  map.addEventListener("pointerleave", () => actions.preview(null));
  map.addEventListener("click", (event) => {
    actions.select(state.selected.layer, state.selected.channel, cellUnder(event));
  });
  map.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const { layer, channel, row, column } = state.selected;
    if (event.key === "Escape") return actions.back(layer);
    if (!moves[event.key]) return;
    event.preventDefault();
    const [rows, columns] = gridOf(state.layers[layer]);
    const [down, over] = moves[event.key];
    const within = (place, cells) => Math.min(cells - 1, Math.max(0, place));
    actions.select(
      layer,
      channel,
      { row: within(row + down, rows), column: within(column + over, columns) },
      true,
    );
  });

  const paintReads = (at, channel) => {
    const layer = state.layers[at.layer];
    const [rows, columns, channels] = layer.inputShape;
    const isImage = at.layer === 0 || state.layers[at.layer - 1].kind === "rescaling";
    const input = isImage ? state.pass.pixels : inputOf(state.pass, at.layer);
    const values = channelOf(input, channels, channel);
    // Of feature maps the scale is that of the whole layer, as in its row.
    const white = input.reduce((a, b) => Math.max(a, b), 0);
    paintGrey(reads, isImage ? values : greysOf(values, white), columns, rows);
    outline(reads, windowOf(layer, at.row, at.column), columns, rows);
    const colour = channels === 3 ? `, ${["red", "green", "blue"][channel]}` : "";
    const name = isImage
      ? `the image${colour}`
      : `${state.layers[at.layer - 1].name}, channel ${channel}`;
    readsWords.textContent = `reads ${name}`;
    reads.setAttribute("aria-label", `The window of the selected cell on ${name}`);
  };

  const showSum = (at) => {
    const layer = state.layers[at.layer];
    if (layer.kind === "convolution") {
      const onChannel = (channel) => {
        state.openChannel = channel;
        paintReads(at, channel ?? strongest(at));
      };
      sum.replaceChildren(...convolutionView(state, at, onChannel));
    } else if (layer.kind === "max pooling") sum.replaceChildren(...poolingView(state, at));
    else if (layer.kind === "average") sum.replaceChildren(...averageView(state, at));
    else {
      const pick = (source, channel) => actions.select(source, channel, null, true);
      const parts = denseView(state, at, pick);
      if (layer.activation === "sigmoid") parts.unshift(...sigmoidView(state));
      if (layer.activation === "softmax") {
        const table = softmaxView(state, at.channel, (other) =>
          actions.select(at.layer, other, null, true),
        );
        parts.unshift(...table, make("h3", {}, `The score of class ${state.classes[at.channel]}`));
      }
      sum.replaceChildren(...parts);
    }
  };

  /** The input channel whose subtotal is largest in size. */
  const strongest = (at) => {
    const { groups } = convolutionSum(state, at);
    return groups.reduce((best, group) =>
      Math.abs(group.subtotal) > Math.abs(best.subtotal) ? group : best,
    ).channel;
  };

  const showFigures = (at) => {
    const layer = state.layers[at.layer];
    const [rows, columns, channels] = gridOf(layer);
    readsFigure.hidden = layer.kind === "dense";
    mapFigure.hidden = rows * columns === 1;
    figures.hidden = readsFigure.hidden && mapFigure.hidden;
    if (!readsFigure.hidden) {
      const channel =
        layer.kind === "convolution" ? (state.openChannel ?? strongest(at)) : at.channel;
      paintReads(at, Math.min(channel, layer.inputShape[2] - 1));
    }
    if (mapFigure.hidden) return;
    const values = state.pass.values[at.layer];
    const white = values.reduce((a, b) => Math.max(a, b), 0);
    paintGrey(map, greysOf(channelOf(values, channels, at.channel), white), columns, rows);
    outline(map, { top: at.row, left: at.column, height: 1, width: 1 }, columns, rows);
    mapWords.textContent = `gives channel ${at.channel}, ${columns}×${rows} cells`;
    map.setAttribute(
      "aria-label",
      `${layer.name}, channel ${at.channel}: ${columns} by ${rows} cells. Arrow keys move from cell to cell, Escape goes back to the layer.`,
    );
  };

  /** Make a part anew; what had the focus gets it again, or the title, if it is gone. */
  const keepingFocus = (part, build) => {
    const focused = labelOf(document.activeElement, part);
    build();
    if (!focused) return;
    const again = [...part.querySelectorAll("input, button, summary")];
    (again.find((e) => labelOf(e, part) === focused) ?? title).focus({ preventScroll: true });
  };

  const nameOf = (at) => {
    const layer = state.layers[at.layer];
    const isOutput = at.layer === state.layers.length - 1;
    const noun = isOutput ? "class" : layer.kind === "dense" ? "unit" : "channel";
    const names = state.classes.slice(-layer.shape.at(-1)); // one unit stands for the last of two
    return `${layer.name}, ${noun} ${isOutput ? names[at.channel] : at.channel}`;
  };

  const describe = (at) => {
    const layer = state.layers[at.layer];
    const [rows, columns] = gridOf(layer);
    const value = write(valueAt(state, at));
    const place = rows * columns > 1 ? `row ${at.row}, column ${at.column}` : "value";
    return { place, value };
  };

  return {
    map,
    /** Show the selected cell, or the one under the pointer; `whole` also the channel's part. */
    show(at, whole) {
      const layer = state.layers[at.layer];
      title.textContent = nameOf(at);
      const { place, value } = describe(at);
      cell.replaceChildren(place, " ", make("b", {}, value));
      showFigures(at);
      keepingFocus(sum, () => showSum(at));
      if (!whole) return;
      keepingFocus(about, () =>
        about.replaceChildren(
          ...(layer.kind === "convolution" ? channelView(state, at, actions) : []),
        ),
      );
    },
    /** Say what is selected, for a screen reader. */
    words(at) {
      const { place, value } = describe(at);
      return `${nameOf(at)}, ${place}: ${value}`;
    },
  };
}

/** A name by which a control is found again after its panel was built anew. */
function labelOf(element, panel) {
  if (!element || !panel.contains(element)) return null;
  const words = element.tagName === "SUMMARY" ? element.firstChild : element; // its sum changes
  return element.id || element.getAttribute("aria-label") || words.textContent;
}
