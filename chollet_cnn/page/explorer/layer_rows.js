// The rows of feature maps, one canvas a layer, drawn anew whenever the input changes.

import { counted, short, whole } from "./numbers.js";
import { gridOf } from "./explain.js";
import { MARK, make, paintTiles } from "./pictures.js";

const GAP = 2;
const LARGEST_TILE = 44;

const WORDS = {
  convolution: "convolution",
  "max pooling": "max pooling",
  average: "global average pooling",
  dense: "dense",
};

/**
 * Build the rows. `onSelect(layer, channel, cell, byKeyboard)` is told what was picked; `cell` is
 * { row, column } under the pointer, or null.
 */
export function layerRows(container, layers, classes, onSelect) {
  const rows = new Map();
  layers.forEach((layer, index) => {
    if (layer.kind === "rescaling") return;
    if (layer.kind === "flatten") {
      const [down, across, channels] = layer.inputShape;
      const text = `${layer.name}: ${across}×${down}×${channels} = ${whole(layer.shape[0])} numbers in one line`;
      container.append(make("p", { class: "flatten" }, text));
      return;
    }
    rows.set(
      index,
      buildRow(
        container,
        layer,
        index,
        index === layers.length - 1 ? classes.slice(-layer.shape[0]) : null,
        onSelect,
      ),
    );
  });

  const lay = () => rows.forEach((row) => row.lay());
  new ResizeObserver(lay).observe(container);
  lay();

  return {
    /** Draw every layer's maps for a finished forward pass. */
    draw(pass, selected, changes) {
      rows.forEach((row) => row.draw(pass, selected, changes));
    },
    /** Put the focus on a layer's row; on the first one for a layer that has none. */
    focus(index) {
      (rows.get(index) ?? rows.values().next().value).canvas.focus();
    },
    reveal(index) {
      rows.get(index).block.scrollIntoView({ block: "nearest" });
    },
  };
}

/** Frame the squares of a dense layer: a white one would not be seen on white paper. */
function frameTiles(context, count, tiles) {
  context.lineWidth = 1;
  context.strokeStyle = "#8a8f98";
  for (let unit = 0; unit < count; unit++) {
    const { x, y, side } = tiles(unit);
    context.strokeRect(x + 0.5, y + 0.5, side - 1, side - 1);
  }
}

function buildRow(container, layer, index, classes, onSelect) {
  const [mapRows, mapColumns, channels] = gridOf(layer);
  const isMap = layer.shape.length === 3;
  const noun = isMap ? "feature map" : layer.kind === "dense" ? "unit" : "channel";
  const size = isMap ? ` of ${mapColumns}×${mapRows}` : "";
  const many = classes && channels > 1 ? `${whole(channels)} classes` : counted(channels, noun);
  const alone = classes && channels === 1 ? `, for ${classes[0]}` : "";
  const what = `${WORDS[layer.kind]}, ${many}${size}${alone}`;
  const toCells = mapRows * mapColumns > 1 ? ", Enter goes to its cells" : "";
  const scale = make("span", { class: "scale" });
  const canvas = make("canvas", {
    tabindex: "0",
    role: "application",
    "aria-label": `${layer.name}: ${what}. Arrow keys choose one${toCells}.`,
  });
  const head = make("h3", {}, layer.name, " ", make("small", {}, what, scale));
  const block = make("div", { class: "row", "data-layer": layer.name }, head, canvas);
  const names = make("div", { class: "class-names", "aria-hidden": "true" });
  names.append(...(classes ?? []).map((name) => make("span", {}, name)));
  if (classes) block.append(names);
  container.append(block);

  let across = 1;
  let side = 1;
  let chosen = 0;
  let last = null;
  let white = 0;
  const painted = document.createElement("canvas"); // the tiles of the last pass, without marks
  let paintedPass = null;

  const tiles = (channel) => ({
    x: (channel % across) * (side + GAP),
    y: Math.floor(channel / across) * (side + GAP),
    side,
  });
  const lay = () => {
    const width = block.clientWidth;
    const sharp = Math.min(window.devicePixelRatio || 1, 2);
    const choices = width > 420 ? [16, 32] : [8, 16];
    across = Math.min(channels, channels > 64 ? choices[1] : isMap ? choices[0] : choices[1]);
    const gap = GAP / sharp;
    const shown = Math.min((width + gap) / across - gap, classes ? 34 : LARGEST_TILE);
    side = Math.max(4, Math.floor(shown * sharp));
    canvas.width = across * (side + GAP) - GAP;
    canvas.height = Math.ceil(channels / across) * (side + GAP) - GAP;
    canvas.style.width = `${canvas.width / sharp}px`;
    canvas.style.height = `${canvas.height / sharp}px`;
    [painted.width, painted.height, paintedPass] = [canvas.width, canvas.height, null];
    if (classes) block.style.setProperty("--tile", `${(side + GAP) / sharp}px`);
    names.hidden = across < channels; // one line of names is not below several of tiles
    if (last) draw(...last);
  };

  const paint = (pass) => {
    paintedPass = pass;
    const values = pass.values[index];
    white = 0;
    for (let i = 0; i < values.length; i++) if (values[i] > white) white = values[i];
    if (classes) white = 1; // probabilities
    paintTiles(painted, values, [mapRows, mapColumns, channels], white, tiles);
    scale.textContent = white > 0 ? `; white is ${short(white)}` : "; all zero";
    if (!isMap) frameTiles(painted.getContext("2d"), channels, tiles);
  };

  const draw = (pass, selected, changes) => {
    last = [pass, selected, changes];
    if (pass !== paintedPass) paint(pass);
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(painted, 0, 0);
    context.lineWidth = 3;
    context.strokeStyle = MARK;
    for (const [place, { scale: factor }] of changes) {
      const [at, channel] = place.split("/").map(Number);
      if (at !== index || factor !== 0) continue;
      const { x, y } = tiles(channel); // a switched-off channel is crossed out
      context.beginPath();
      context.moveTo(x + 2, y + 2);
      context.lineTo(x + side - 2, y + side - 2);
      context.moveTo(x + side - 2, y + 2);
      context.lineTo(x + 2, y + side - 2);
      context.stroke();
    }
    if (!selected) return;
    if (selected.layer === index) {
      chosen = selected.channel;
      const { x, y } = tiles(chosen);
      context.strokeRect(x + 1.5, y + 1.5, side - 3, side - 3);
    } else if (selected.window?.layer === index) {
      // The window that the selected cell is made from, on every map that it reads.
      const { top, left, height, width } = selected.window;
      const [down, over] = [side / mapRows, side / mapColumns];
      context.lineWidth = 1.5;
      for (let channel = 0; channel < channels; channel++) {
        if (selected.window.channel !== null && selected.window.channel !== channel) continue;
        const { x, y } = tiles(channel);
        context.strokeRect(x + left * over, y + top * down, width * over, height * down);
      }
    }
  };

  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) * canvas.width) / box.width;
    const y = ((event.clientY - box.top) * canvas.height) / box.height;
    const [column, row] = [Math.floor(x / (side + GAP)), Math.floor(y / (side + GAP))];
    const channel = row * across + column;
    if (column >= across || channel >= channels) return;
    const within = (place, cells) =>
      Math.min(cells - 1, Math.floor(((place % (side + GAP)) / side) * cells));
    onSelect(index, channel, { row: within(y, mapRows), column: within(x, mapColumns) }, false);
  });
  canvas.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across };
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (moves[event.key]) {
      const next = chosen + moves[event.key];
      if (next >= 0 && next < channels) onSelect(index, next, null, true);
    } else if (event.key === "Enter" || event.key === " ") {
      onSelect(index, chosen, null, true, true);
    } else return;
    event.preventDefault();
  });
  return { block, canvas, lay, draw };
}
