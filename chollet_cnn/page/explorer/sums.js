// The sum behind a number, as elements of the page: what is printed adds up to what is printed.

import { averagedValues, convolutionSum, denseSum, pooledValues } from "./explain.js";
import { decimals, percent, roundTerms, scientific } from "./numbers.js";
import { make, paintSigned } from "./pictures.js";

export const DIGITS = 4;
const SHOWN = 8; // contributions to a dense unit, each way

const write = (value) => decimals(value, DIGITS);
const rounded = (value) => Math.round(value * 10 ** DIGITS) / 10 ** DIGITS;

/** Return a line of a sum: words at the left, a number at the right. */
function line(words, number, className = "") {
  return make("p", { class: `line ${className}` }, make("span", {}, words), make("b", {}, number));
}

/** Return a square table of products: value × weight, and what they give. */
function productTable(products, printed) {
  const size = Math.sqrt(products.length);
  const rows = Array.from({ length: size }, (_, row) =>
    make("tr", {}, ...products.slice(row * size, (row + 1) * size).map(({ value, weight }, i) =>
      make("td", {},
        make("span", { class: "value" }, decimals(value, 3)),
        make("span", { class: "weight" }, `× ${decimals(weight, 4)}`),
        make("b", { class: "product" }, write(printed[row * size + i]))))),
  ); // prettier-ignore
  return make("table", { class: "products" }, make("tbody", {}, ...rows));
}

/** Return the lines from the sum to the value: bias, sum, ReLU. */
function closing({ words, subtotal, bias, sum, value, activation }) {
  const lines = [line(words, write(subtotal)), line("bias", write(bias)), line("sum", write(sum), "total")];
  if (activation === "relu") lines.push(reluLine(sum, value));
  return lines;
}

const reluLine = (sum, value) =>
  line(sum < 0 ? "ReLU: below zero becomes 0" : "ReLU leaves it", write(value), "result");

/** Show the sum of a convolution's cell. `onChannel(channel)` is told which group was opened. */
export function convolutionView(state, { layer: index, row, column, channel }, onChannel) {
  const layer = state.layers[index];
  const { groups, bias, sum } = convolutionSum(state.layers, state.pass, index, row, column, channel);
  const [biasPrinted, ...subtotals] = roundTerms([bias, ...groups.map((g) => g.subtotal)], sum, DIGITS);
  const value = layer.activation === "relu" ? Math.max(0, rounded(sum)) : rounded(sum);
  const products = (group, i) =>
    productTable(
      group.products,
      roundTerms(group.products.map((part) => part.product), subtotals[i], DIGITS),
    ); // prettier-ignore
  const end = {
    subtotal: rounded(subtotals.reduce((a, b) => a + b, 0)),
    bias: biasPrinted,
    sum: rounded(sum),
    value,
    activation: layer.activation,
  };
  if (groups.length === 1)
    return [
      products(groups[0], 0),
      ...closing({ ...end, words: `sum of the ${groups[0].products.length} products` }),
    ];
  const order = groups.map((group, i) => i).sort((a, b) => Math.abs(groups[b].subtotal) - Math.abs(groups[a].subtotal));
  const most = Math.abs(groups[order[0]].subtotal);
  const speaking = order.filter((i) => groups[i].products.some((part) => part.value !== 0));
  const list = speaking.map((i) => {
    const head = make("summary", {}, make("span", {}, `channel ${groups[i].channel}`), bar(groups[i].subtotal, most), make("b", {}, write(subtotals[i])));
    // Details of one name: opening one closes the others.
    const details = make("details", { name: "subtotal", "data-channel": groups[i].channel }, head);
    const fill = () => details.children.length === 1 && details.append(products(groups[i], i));
    if (groups[i].channel === state.openChannel) {
      fill();
      details.open = true;
    }
    head.addEventListener("click", () => {
      fill();
      onChannel(details.open ? null : groups[i].channel);
    });
    return details;
  });
  const silent = groups.length - speaking.length;
  const note = silent ? `; ${silent} more read only zeros here` : "";
  return [
    ...closing({ ...end, words: `sum of ${groups.length} subtotals` }),
    make("p", { class: "note" }, `One subtotal for each input channel, the largest first${note}. Open one for its nine products.`),
    make("div", { class: "subtotals" }, ...list),
  ];
}

/** Return a bar from the middle: to the right for what is above zero, to the left below. */
function bar(value, most) {
  const share = most > 0 ? (50 * Math.abs(value)) / most : 0;
  const inner = make("i", { class: value < 0 ? "against" : "for" });
  inner.style.width = `${share}%`;
  inner.style.marginLeft = value < 0 ? `${50 - share}%` : "50%";
  return make("span", { class: "bar", "aria-hidden": "true" }, inner);
}

/** Show the values that a pooled cell is the largest of. */
export function poolingView(state, { layer: index, row, column, channel }) {
  const values = pooledValues(state.layers, state.pass, index, row, column, channel);
  const largest = values.indexOf(Math.max(...values));
  const size = state.layers[index].size;
  const rows = Array.from({ length: size }, (_, y) =>
    make("tr", {}, ...values.slice(y * size, (y + 1) * size).map((value, x) =>
      make("td", y * size + x === largest ? { class: "largest" } : {}, write(value),
        y * size + x === largest ? make("small", {}, "largest") : ""))),
  ); // prettier-ignore
  return [
    make("table", { class: "products pooled" }, make("tbody", {}, ...rows)),
    line(`the largest of the ${values.length}`, write(values[largest]), "result"),
  ];
}

/** Show the average that global pooling makes of a map. */
export function averageView(state, { layer: index, channel }) {
  const values = Array.from(averagedValues(state.layers, state.pass, index, channel));
  const sum = values.reduce((a, b) => a + b, 0);
  const printed = roundTerms(values, sum, DIGITS);
  const columns = state.layers[index].inputShape[1];
  const rows = Array.from({ length: values.length / columns }, (_, y) =>
    make("tr", {}, ...printed.slice(y * columns, (y + 1) * columns).map((value) => make("td", {}, write(value)))),
  ); // prettier-ignore
  return [
    make("table", { class: "products pooled" }, make("tbody", {}, ...rows)),
    line(`sum of the ${values.length} cells`, write(sum), "total"),
    line(`divided by ${values.length}`, write(sum / values.length), "result"),
  ];
}

/** Show what speaks most for and against a dense unit, drawn on the maps that it comes from. */
export function denseView(state, { layer: index, channel: unit }, onPick) {
  const layer = state.layers[index];
  const { groups, bias, sum, source } = denseSum(state.layers, state.pass, index, unit);
  const sorted = [...groups].sort((a, b) => b.subtotal - a.subtotal);
  const positive = sorted.filter((group) => group.subtotal > 0).slice(0, SHOWN);
  const negative = sorted.filter((group) => group.subtotal < 0).slice(-SHOWN).reverse(); // prettier-ignore
  const shown = [...positive, ...negative];
  const rest = groups.filter((group) => !shown.includes(group));
  const others = rest.reduce((a, group) => a + group.subtotal, 0);
  const printed = roundTerms([bias, others, ...shown.map((group) => group.subtotal)], sum, DIGITS);
  const [rows, columns] = state.layers[source].shape.length === 3 ? state.layers[source].shape : [1, 1];
  const largest = Math.max(...shown.flatMap((g) => g.products.map((part) => Math.abs(part.product))), 0);
  const item = (group) => {
    const words = rows * columns > 1 ? `channel ${group.channel}` : `${state.layers[source].name} ${group.channel}`;
    const button = make("button", { type: "button", class: "contribution", onclick: () => onPick(source, group.channel) });
    if (rows * columns > 1) {
      const canvas = make("canvas", { width: 12 * columns, height: 12 * rows, "aria-hidden": "true" });
      paintSigned(canvas, group.products.map((part) => part.product), columns, rows, largest); // prettier-ignore
      button.append(canvas, make("span", {}, words));
    } else {
      const [{ value, weight }] = group.products;
      button.append(make("span", {}, words, make("small", {}, `${decimals(value, 3)} × ${decimals(weight, 4)}`)));
    }
    button.append(make("b", {}, write(printed[2 + shown.indexOf(group)])));
    return make("li", {}, button);
  };
  const column = (title, list) =>
    make("div", {}, make("h4", {}, title), list.length ? make("ul", {}, ...list.map(item)) : make("p", { class: "note" }, "nothing"));
  const value = layer.activation === "relu" ? Math.max(0, rounded(sum)) : rounded(sum);
  const end = [
    line(`these ${shown.length}`, write(rounded(printed.slice(2).reduce((a, b) => a + b, 0)))),
    line(`the other ${rest.length}`, write(printed[1])),
    line("bias", write(printed[0])),
    line(layer.activation === "relu" ? "sum" : "score", write(rounded(sum)), "total"),
  ];
  if (layer.activation === "relu") end.push(reluLine(sum, value));
  return [
    ...end,
    make("div", { class: "contributions" }, column("Most for it", positive), column("Most against it", negative)),
    rows * columns > 1
      ? make("p", { class: "note" }, "A channel's small square shows where on its map the contribution comes from: blue for, vermilion against.")
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
  const parts = roundTerms(shares.map((share) => 100 * share), 100, 2); // prettier-ignore
  const rows = scores.map((score, i) =>
    make("tr", i === chosen ? { class: "chosen" } : {},
      make("th", { scope: "row" }, make("button", { type: "button", onclick: () => onClass(i), "aria-pressed": String(i === chosen) }, state.classes[i])),
      make("td", {}, write(score)), make("td", {}, printed[i] ? write(printed[i]) : scientific(exponentials[i])), make("td", {}, `${decimals(parts[i], 2)}%`)),
  ); // prettier-ignore
  const head = ["class", "score", "exponential", "share"].map((name) => make("th", { scope: "col" }, name));
  return [
    make("table", { class: "softmax" },
      make("thead", {}, make("tr", {}, ...head)),
      make("tbody", {}, ...rows),
      make("tfoot", {}, make("tr", {}, make("th", { scope: "row" }, "sum"), make("td", {}, ""), make("td", {}, write(rounded(sum))), make("td", {}, "100.00%"))),
    ),
    make("p", { class: "note" }, `The exponential is that of the score less the largest score, ${write(largest)}; a share is an exponential divided by the sum ${write(sum)}: for ${state.classes[chosen]}, ${percent(shares[chosen], 2)}.`),
  ]; // prettier-ignore
}

/** Show how one score becomes the probability of the second class. */
export function sigmoidView(state) {
  const [score] = state.pass.scores;
  const [share] = state.pass.values.at(-1);
  const name = state.classes.at(-1);
  return [
    line("score", write(score)),
    line("1 / (1 + exp(−score))", write(share), "result"),
    make("p", { class: "note" }, `The probability of ${name} is ${percent(share, 2)}, that of ${state.classes[0]} the rest. The score is this sum:`),
  ]; // prettier-ignore
}
