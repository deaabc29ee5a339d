// The pad: strokes by mouse, finger, pen or keyboard, and the image that they make.

import { byId, make, paintGrey } from "./pictures.js";

const SIDE = 280;
const PEN = 22; // about two pixels of the 28 that the network sees
const STEP = 10; // one of those pixels

/**
 * Make a canvas a drawing pad; the element `pen`, over it, marks the keyboard's pen. `onChange` is
 * called after every change, with whether an image is on the pad and nothing is drawn on it.
 *
 * Strokes are kept as points, so that they can be undone. An image can stand under them.
 */
export function drawingPad(canvas, pen, onChange) {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const strokes = [];
  let image = null;
  let erasing = false;
  let current = null;
  let pointer = null; // the id of the one that draws; a second finger or a palm does not
  let cursor = null; // where the keyboard's pen is

  const drawStroke = ({ points, erase }) => {
    context.strokeStyle = context.fillStyle = erase ? "#000" : "#fff";
    context.lineWidth = erase ? 1.5 * PEN : PEN;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(...points[0]);
    for (const point of points) context.lineTo(...point);
    context.stroke();
  };
  const paint = () => {
    context.fillStyle = "#000";
    context.fillRect(0, 0, SIDE, SIDE);
    context.imageSmoothingEnabled = false;
    if (image) context.drawImage(image, 0, 0, SIDE, SIDE);
    strokes.forEach(drawStroke);
  };
  /** Show where the keyboard's pen is, and whether it is down: a ring, filled or empty. */
  const showPen = () => {
    pen.hidden = !cursor || document.activeElement !== canvas;
    if (pen.hidden) return;
    pen.style.left = `${(100 * cursor[0]) / SIDE}%`;
    pen.style.top = `${(100 * cursor[1]) / SIDE}%`;
    pen.classList.toggle("down", current !== null);
  };
  const changed = () => {
    paint();
    showPen();
    onChange(image !== null && strokes.length === 0);
  };
  const begin = (point) => {
    current = { points: [point], erase: erasing };
    strokes.push(current);
  };

  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) * SIDE) / box.width,
      ((event.clientY - box.top) * SIDE) / box.height,
    ];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button > 0 || pointer !== null) return;
    canvas.setPointerCapture(event.pointerId);
    pointer = event.pointerId;
    cursor = null;
    begin(at(event));
    changed();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!current || event.pointerId !== pointer) return;
    const steps = event.getCoalescedEvents?.() ?? [];
    for (const step of steps.length ? steps : [event]) current.points.push(at(step));
    changed();
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"])
    canvas.addEventListener(end, ({ pointerId }) => {
      if (pointerId === pointer) pointer = current = null;
    });

  canvas.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (moves[event.key]) {
      const [x, y] = cursor ?? [SIDE / 2, SIDE / 2];
      const inside = (place) => Math.min(Math.max(place, STEP), SIDE - STEP);
      cursor = [inside(x + STEP * moves[event.key][0]), inside(y + STEP * moves[event.key][1])];
      if (!current) {
        event.preventDefault();
        showPen();
        return;
      }
      current.points.push(cursor);
    } else if (event.key === " ") {
      cursor ??= [SIDE / 2, SIDE / 2];
      if (current) current = null;
      else begin(cursor);
      byId("spoken").textContent = current ? "pen down" : "pen up";
    } else if (event.key === "Delete" || event.key === "Backspace") {
      pad.clear();
    } else return;
    event.preventDefault();
    changed();
  });
  canvas.addEventListener("blur", () => {
    current = null;
    showPen();
  });

  const pad = {
    clear() {
      image = current = null;
      strokes.length = 0;
      changed();
    },
    undo() {
      current = null;
      if (strokes.length) strokes.pop();
      else image = null;
      changed();
    },
    erase(on) {
      erasing = on;
    },
    /** Put an image of 28x28 grey values onto the pad; this calls no `onChange`. */
    show(greys) {
      image = make("canvas", { width: 28, height: 28 });
      paintGrey(image, greys, 28, 28);
      strokes.length = 0;
      paint();
    },
    /** The pad's brightness, 0..1, in rows. */
    ink() {
      const { data } = context.getImageData(0, 0, SIDE, SIDE);
      return Float32Array.from({ length: SIDE * SIDE }, (_, i) => data[4 * i] / 255);
    },
    side: SIDE,
  };
  paint();
  return pad;
}
