// The bars of the prediction, one for each class.

import { predictedClass, probabilities } from "./network.js";
import { percent } from "./numbers.js";
import { make } from "./pictures.js";

/** Build the bars; returns a function that shows a finished forward pass in them. */
export function predictionBars(container, classes, onClass) {
  const bars = classes.map((name, index) => {
    const [fill, number] = [make("i"), make("b")];
    const parts = [
      make("span", { class: "class" }, name),
      make("span", { class: "bar" }, fill),
      number,
    ];
    const button = make("button", { type: "button", onclick: () => onClass(index) }, ...parts);
    container.append(button);
    return { button, fill, number };
  });
  return (pass) => {
    const answer = probabilities(pass);
    const best = predictedClass(pass);
    bars.forEach(({ button, fill, number }, index) => {
      fill.style.width = `${100 * answer[index]}%`;
      number.textContent = percent(answer[index], 2);
      button.classList.toggle("best", index === best);
    });
  };
}
