// The input of a network for digits: what is drawn on the pad, brought to MNIST's look.

import { drawingPad } from "./drawing_pad.js";
import { asMnist, BOX, FRAME, resize } from "./mnist_look.js";
import { byId, crosshair, paintGrey } from "./pictures.js";

/**
 * Build the pad and its controls. `onChange()` is called when there is something new to `read()`.
 *
 * Returns { read, show, pad }; `show(pixels, words)` puts an image of 28x28 onto the pad, which is
 * sent as it is until something is drawn on it.
 */
export function digitInput(onChange, onClear) {
  let shown = null; // the image that was put onto the pad last
  let fixed = null; // the same while nothing is drawn on it
  const pad = drawingPad(byId("pad"), byId("pen"), (isUntouched) => {
    fixed = isUntouched ? shown : null;
    onChange();
  });
  byId("clear").addEventListener("click", () => {
    onClear();
    pad.clear();
  });
  byId("undo").addEventListener("click", () => pad.undo());
  byId("eraser").addEventListener("click", ({ target }) => {
    const on = target.getAttribute("aria-pressed") !== "true";
    target.setAttribute("aria-pressed", String(on));
    pad.erase(on);
  });
  byId("centre").addEventListener("change", onChange);

  const read = () => {
    byId("box-figure").hidden = true;
    const say = (words) => (byId("step").textContent = words);
    if (fixed) {
      say(fixed.words);
      return fixed.pixels;
    }
    const ink = pad.ink();
    if (!byId("centre").checked) {
      say("Each of the 28×28 pixels is the mean of 10×10 of the pad.");
      return resize(ink, pad.side, pad.side, FRAME, FRAME).map((value) => Math.round(255 * value));
    }
    const digit = asMnist(ink, pad.side, pad.side);
    if (!digit) {
      say("Nothing is drawn yet.");
      return new Uint8Array(FRAME * FRAME);
    }
    say(
      "As MNIST does it: scaled into a box, then moved until its centre of mass (blue) is at pixel 14, 14.",
    );
    showBox(digit);
    return digit.pixels;
  };
  const show = (pixels, words) => {
    pad.show(pixels);
    fixed = shown = { pixels, words };
  };
  return { read, show, pad };
}

/** Show the step between the pad and what the network sees: the digit in a box of 20x20. */
function showBox({ pixels, box, middle }) {
  const boxed = new Uint8Array(BOX * BOX);
  const top = Math.floor((BOX - box.height) / 2);
  const left = Math.floor((BOX - box.width) / 2);
  for (let row = 0; row < box.height; row++) {
    const from = (box.top + row) * FRAME + box.left;
    boxed.set(pixels.subarray(from, from + box.width), (top + row) * BOX + left);
  }
  byId("box-figure").hidden = false;
  paintGrey(byId("box"), boxed, BOX, BOX);
  crosshair(byId("box"), { row: top + middle.row, column: left + middle.column }, BOX);
}
