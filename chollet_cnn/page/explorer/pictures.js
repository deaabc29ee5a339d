// Paint arrays onto canvases: grey images, feature maps on a scale, and signed weights.

/** Vermilion marks what is pointed at, on the screen and in print. */
export const MARK = "#d55e00";
/** Blue stands for what counts for, vermilion for what counts against. */
const [FOR, AGAINST] = [
  [0, 114, 178],
  [213, 94, 0],
];

const stage = typeof document === "undefined" ? null : document.createElement("canvas");

/** Put an image onto the stage: a hidden canvas of its size, from which it can be scaled. */
function staged(image) {
  stage.width = image.width;
  stage.height = image.height;
  stage.getContext("2d").putImageData(image, 0, 0);
  return stage;
}

/** Put grey values 0..255, in rows, onto the stage. */
function stagedGrey(greys, width, height) {
  const image = new ImageData(width, height);
  const words = new Uint32Array(image.data.buffer);
  for (let i = 0; i < words.length; i++) words[i] = 0xff000000 | (greys[i] * 0x010101);
  return staged(image);
}

/** Fill a canvas with a grey image. */
export function paintGrey(canvas, greys, width, height) {
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(stagedGrey(greys, width, height), 0, 0, canvas.width, canvas.height);
}

/** Fill a canvas with an image of one or three colours, values 0..255. */
export function paintImage(canvas, pixels, width, height, colours) {
  if (colours === 1) return paintGrey(canvas, pixels, width, height);
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++)
    image.data.set([pixels[3 * i], pixels[3 * i + 1], pixels[3 * i + 2], 255], 4 * i);
  canvas.getContext("2d").drawImage(staged(image), 0, 0, canvas.width, canvas.height);
}

/** Return grey levels of values: 0 and below black, `white` and above white, by the square root. */
export function greysOf(values, white) {
  const factor = white > 0 ? 65025 / white : 0;
  const greys = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++)
    greys[i] = values[i] <= 0 ? 0 : Math.min(255, Math.sqrt(values[i] * factor) + 0.5);
  return greys;
}

/** Return one channel of a layer's values, in rows. */
export function channelOf(values, channels, channel) {
  const map = new Float64Array(values.length / channels);
  for (let i = 0; i < map.length; i++) map[i] = values[i * channels + channel];
  return map;
}

/** Fill a canvas with all channels of a layer, side by side in tiles. */
export function paintTiles(canvas, values, [rows, columns, channels], white, tiles) {
  const greys = greysOf(values, white);
  const stacked = new Uint8Array(greys.length);
  const cells = rows * columns;
  for (let cell = 0, i = 0; cell < cells; cell++)
    for (let channel = 0; channel < channels; channel++, i++)
      stacked[channel * cells + cell] = greys[i];
  const source = stagedGrey(stacked, columns, rows * channels);
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = columns > tiles(0).side; // a map of a photograph is made smaller
  for (let channel = 0; channel < channels; channel++) {
    const { x, y, side } = tiles(channel);
    context.drawImage(source, 0, channel * rows, columns, rows, x, y, side, side);
  }
}

/** Fill a canvas with signed numbers: blue above zero, vermilion below, paper at zero. */
export function paintSigned(canvas, values, width, height, largest) {
  const image = new ImageData(width, height);
  values.forEach((value, i) => {
    const colour = value < 0 ? AGAINST : FOR;
    const share = largest > 0 ? Math.min(1, Math.abs(value) / largest) : 0;
    for (let part = 0; part < 3; part++)
      image.data[4 * i + part] = 255 + share * (colour[part] - 255);
    image.data[4 * i + 3] = 255;
  });
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(staged(image), 0, 0, canvas.width, canvas.height);
}

/** Lay heat over an image: the hotter a pixel, the more vermilion. */
export function paintHeat(canvas, heat, width, height) {
  const largest = heat.reduce((most, value) => Math.max(most, value), 0);
  const image = new ImageData(width, height);
  heat.forEach((value, i) => {
    image.data.set([...AGAINST, largest > 0 ? (200 * value) / largest : 0], 4 * i);
  });
  canvas.getContext("2d").drawImage(staged(image), 0, 0, canvas.width, canvas.height);
  return largest;
}

/** Outline a part { top, left, height, width } of an image of `columns` x `rows` cells, around it. */
export function outline(canvas, part, columns, rows) {
  const width = 3;
  const context = canvas.getContext("2d");
  const [across, down] = [canvas.width / columns, canvas.height / rows];
  context.strokeStyle = MARK;
  context.lineWidth = width;
  const inside = (place, length) => Math.min(Math.max(place, width / 2), length - width / 2);
  const [left, right] = [
    part.left * across - width / 2,
    (part.left + part.width) * across + width / 2,
  ];
  const [top, bottom] = [part.top * down - width / 2, (part.top + part.height) * down + width / 2];
  const [x, y] = [inside(left, canvas.width), inside(top, canvas.height)];
  context.strokeRect(x, y, inside(right, canvas.width) - x, inside(bottom, canvas.height) - y);
}

/** Draw two thin lines that cross in the middle of a cell of an image of `side` x `side` cells. */
export function crosshair(canvas, { row, column }, side) {
  const context = canvas.getContext("2d");
  const [x, y] = [column, row].map((place) => ((place + 0.5) * canvas.width) / side);
  context.fillStyle = "#58b4e8";
  context.fillRect(0, y - 1.5, canvas.width, 3);
  context.fillRect(x - 1.5, 0, 3, canvas.height);
}

/** Return a button that shows a small image [pixels, width, height, colours], with words below. */
export function thumbnail(image, label, words, onclick) {
  const canvas = make("canvas", { width: 56, height: 56 });
  paintImage(canvas, ...image);
  const button = { type: "button", class: "thumb", "aria-label": label, onclick };
  return make("button", button, canvas, make("span", {}, words));
}

/** Return the element of an id. */
export const byId = (id) => document.getElementById(id);

/** Make an element: `make("p", { class: "words" }, "text", child)`. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}
