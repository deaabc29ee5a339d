// The sum behind a dense unit, and how scores become probabilities.

import { denseSum } from "./explain.js";
import { decimals, percent, roundTerms, scientific } from "./numbers.js";
import { make, paintSigned } from "./pictures.js";
import { DIGITS, line, rounded, sumLines, write } from "./sums.js";

const SHOWN = 8; // contributions to a dense unit, each way

/** Show the largest contributions for and against a dense unit, drawn on the maps they come from. */
export function denseView(state, at, onPick) {
  const { groups, bias, sum, source } = denseSum(state, at);
  const sorted = [...groups].sort((a, b) => b.subtotal - a.subtotal);
  const positive = sorted.filter((group) => group.subtotal > 0).slice(0, SHOWN);
  const negative = sorted
    .filter((group) => group.subtotal < 0)
    .slice(-SHOWN)
    .reverse();
  const shown = [...positive, ...negative];
  const rest = groups.filter((group) => !shown.includes(group));
  const others = rest.reduce((a, group) => a + group.subtotal, 0);
  const printed = roundTerms([bias, others, ...shown.map((group) => group.subtotal)], sum, DIGITS);
  const [rows, columns] =
    state.layers[source].shape.length === 3 ? state.layers[source].shape : [1, 1];
  const largest = Math.max(
    ...shown.flatMap((g) => g.products.map((part) => Math.abs(part.product))),
    0,
  );
  const item = (group) => {
    const words =
      rows * columns > 1
        ? `channel ${group.channel}`
        : `${state.layers[source].name} ${group.channel}`;
    const button = make("button", {
      type: "button",
      class: "contribution",
      onclick: () => onPick(source, group.channel),
    });
    if (rows * columns > 1) {
      const canvas = make("canvas", {
        width: 12 * columns,
        height: 12 * rows,
        "aria-hidden": "true",
      });
      paintSigned(
        canvas,
        group.products.map((part) => part.product),
        columns,
        rows,
        largest,
      );
      button.append(canvas, make("span", {}, words));
    } else {
      const [{ value, weight }] = group.products;
      button.append(
        make(
          "span",
          {},
          words,
          make("small", {}, `${decimals(value, 3)} × ${decimals(weight, 4)}`),
        ),
      );
    }
    button.append(make("b", {}, write(printed[2 + shown.indexOf(group)])));
    return make("li", {}, button);
  };
  const column = (title, list) =>
    make(
      "div",
      {},
      make("h4", {}, title),
      list.length ? make("ul", {}, ...list.map(item)) : make("p", { class: "note" }, "nothing"),
    );
  const parts = {
    [`these ${shown.length}`]: rounded(printed.slice(2).reduce((a, b) => a + b, 0)),
    [`the other ${rest.length}`]: printed[1],
    bias: printed[0],
  };
  return [
    ...sumLines(parts, sum, state.layers[at.layer]),
    make(
      "div",
      { class: "contributions" },
      column("Most for it", positive),
      column("Most against it", negative),
    ),
    rows * columns > 1
      ? make(
          "p",
          { class: "note" },
          "A channel's small square shows where on its map the contribution comes from: blue for, vermilion against.",
        )
      : "",
  ];
}

/** Show how scores become probabilities. */
export function softmaxView(state, chosen, onClass) {
  const scores = Array.from(state.pass.scores);
  const shares = Array.from(state.pass.values.at(-1));
  const largest = Math.max(...scores);
  const exponentials = scores.map((score) => Math.exp(score - largest));
  const sum = exponentials.reduce((a, b) => a + b, 0);
  const printed = roundTerms(exponentials, sum, DIGITS);
  const parts = roundTerms(
    shares.map((share) => 100 * share),
    100,
    2,
  );
  const rows = scores.map((score, i) =>
    make(
      "tr",
      i === chosen ? { class: "chosen" } : {},
      make(
        "th",
        { scope: "row" },
        make(
          "button",
          { type: "button", onclick: () => onClass(i), "aria-pressed": String(i === chosen) },
          state.classes[i],
        ),
      ),
      make("td", {}, write(score)),
      make("td", {}, printed[i] ? write(printed[i]) : scientific(exponentials[i])),
      make("td", {}, `${decimals(parts[i], 2)}%`),
    ),
  );
  const head = ["class", "score", "exponential", "share"].map((name) =>
    make("th", { scope: "col" }, name),
  );
  return [
    make(
      "table",
      { class: "softmax" },
      make("thead", {}, make("tr", {}, ...head)),
      make("tbody", {}, ...rows),
      make(
        "tfoot",
        {},
        make(
          "tr",
          {},
          make("th", { scope: "row" }, "sum"),
          make("td", {}, ""),
          make("td", {}, write(rounded(sum))),
          make("td", {}, "100.00%"),
        ),
      ),
    ),
    make(
      "p",
      { class: "note" },
      `The exponential is that of the score less the largest score, ${write(largest)}; a share is an exponential divided by the sum ${write(sum)}: for ${state.classes[chosen]}, ${percent(shares[chosen], 2)}.`,
    ),
  ];
}

/** Show how one score becomes the probability of the second class. */
export function sigmoidView(state) {
  const [score] = state.pass.scores;
  const [share] = state.pass.values.at(-1);
  const name = state.classes.at(-1);
  return [
    line("score", write(score)),
    line("1 / (1 + exp(−score))", write(share), "result"),
    make(
      "p",
      { class: "note" },
      `The probability of ${name} is ${percent(share, 2)}, that of ${state.classes[0]} the rest. The score is this sum:`,
    ),
  ];
}
