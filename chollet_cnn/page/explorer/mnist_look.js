// Bring a drawing to MNIST's look, as the command `predict` does it: scaled with its proportions
// kept until its longer side has 20 pixels, then placed so that its centre of mass comes to
// pixel 14, 14 of 28x28.

export const FRAME = 28;
export const BOX = 20;
const FAINT = 0.1; // of full ink: fainter pixels do not belong to the digit
const CENTRE = 14; // the pixel, counted from 0, that the centre of mass comes to

/**
 * Return { pixels, box, middle }, or null for an empty pad.
 *
 * `ink` holds rows of values 0..1. `pixels` are 28x28 values 0..255; `box` is where the scaled digit
 * came to stand in them, { top, left, height, width }, and `middle` the pixel of its centre of mass
 * in that box, { row, column }.
 */
export function asMnist(ink, width, height) {
  const edges = inkEdges(ink, width, height);
  if (!edges) return null;
  const { top, left, bottom, right } = edges;
  const [rows, columns] = [bottom - top, right - left];
  const longer = Math.max(rows, columns);
  const [newRows, newColumns] = [rows, columns].map((side) =>
    Math.max(1, roundHalfToEven((side * BOX) / longer)),
  );
  const cropped = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++)
    cropped.set(
      ink.subarray((top + row) * width + left, (top + row) * width + right),
      row * columns,
    );
  const scaled = resize(cropped, columns, rows, newColumns, newRows);
  const brightest = scaled.reduce((largest, value) => Math.max(largest, value), 0);
  const digit = scaled.map((value) => roundHalfToEven((255 * value) / brightest));
  const middle = centreOfMass(digit, newColumns);
  const corner = (centre, side) =>
    Math.min(Math.max(roundHalfToEven(CENTRE - centre), 0), FRAME - side);
  const box = {
    top: corner(middle.row, newRows),
    left: corner(middle.column, newColumns),
    height: newRows,
    width: newColumns,
  };
  const pixels = new Uint8Array(FRAME * FRAME);
  for (let row = 0; row < newRows; row++)
    pixels.set(
      digit.subarray(row * newColumns, (row + 1) * newColumns),
      (box.top + row) * FRAME + box.left,
    );
  return { pixels, box, middle };
}

/** Round as Python and NumPy do. */
function roundHalfToEven(value) {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

function inkEdges(ink, width, height) {
  let [top, left, bottom, right] = [height, width, 0, 0];
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++)
      if (ink[row * width + column] > FAINT) {
        top = Math.min(top, row);
        bottom = row + 1;
        left = Math.min(left, column);
        right = Math.max(right, column + 1);
      }
  return bottom ? { top, left, bottom, right } : null;
}

/** Scale an image; each new pixel is the mean of the old ones under it (Pillow's filter BOX). */
export function resize(image, width, height, newWidth, newHeight) {
  const narrow = new Float32Array(newWidth * height);
  const across = windows(width, newWidth);
  for (let row = 0; row < height; row++)
    across.forEach(([from, to], column) => {
      let sum = 0;
      for (let i = from; i < to; i++) sum += image[row * width + i];
      narrow[row * newWidth + column] = sum / (to - from);
    });
  const small = new Float32Array(newWidth * newHeight);
  windows(height, newHeight).forEach(([from, to], row) => {
    for (let column = 0; column < newWidth; column++) {
      let sum = 0;
      for (let i = from; i < to; i++) sum += narrow[i * newWidth + column];
      small[row * newWidth + column] = sum / (to - from);
    }
  });
  return small;
}

function windows(length, newLength) {
  const scale = length / newLength;
  const reach = Math.max(scale, 1) / 2;
  return Array.from({ length: newLength }, (_, i) => {
    const middle = (i + 0.5) * scale;
    let from = Math.max(0, Math.trunc(middle - reach + 0.5));
    let to = Math.min(length, Math.trunc(middle + reach + 0.5));
    // A pixel counts if its middle is within reach, the far border included.
    while (from < to - 1 && from + 0.5 - middle <= -reach) from += 1;
    while (to > from + 1 && to - 0.5 - middle > reach) to -= 1;
    return [from, Math.max(from + 1, to)];
  });
}

function centreOfMass(digit, columns) {
  let [mass, down, across] = [0, 0, 0];
  digit.forEach((value, i) => {
    mass += value;
    down += value * Math.floor(i / columns);
    across += value * (i % columns);
  });
  return { row: down / mass, column: across / mass };
}
