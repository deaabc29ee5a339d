// The sum behind a number, as elements of the page: what is printed adds up to what is printed.

import { averagedValues, convolutionSum, pooledValues } from "./explain.js";
import { decimals, roundTerms } from "./numbers.js";
import { make } from "./pictures.js";

export const DIGITS = 4;

export const write = (value) => decimals(value, DIGITS);
export const rounded = (value) => Math.round(value * 10 ** DIGITS) / 10 ** DIGITS;

/** Return a line of a sum: words at the left, a number at the right. */
export function line(words, number, className = "") {
  return make("p", { class: `line ${className}` }, make("span", {}, words), make("b", {}, number));
}

/** Return a table of the class `name` that shows `cells`, elements td, in rows of `columns`. */
export function grid(name, cells, columns) {
  const rows = Array.from({ length: cells.length / columns }, (_, row) =>
    make("tr", {}, ...cells.slice(row * columns, (row + 1) * columns)),
  );
  return make("table", { class: name }, make("tbody", {}, ...rows));
}

/** Return a square table of products: value × weight, and what they give; they add up to `total`. */
function productTable(products, total) {
  const printed = roundTerms(
    products.map((part) => part.product),
    total,
    DIGITS,
  );
  const cells = products.map(({ value, weight }, i) =>
    make(
      "td",
      {},
      make("span", { class: "value" }, decimals(value, 3)),
      make("span", { class: "weight" }, `× ${decimals(weight, 4)}`),
      make("b", { class: "product" }, write(printed[i])),
    ),
  );
  return grid("products", cells, Math.sqrt(cells.length));
}

/** Return the lines of a sum: its parts by their names, the sum, and what ReLU makes of it. */
export function sumLines(parts, sum, { activation }) {
  const total = rounded(sum);
  const isScore = activation === "softmax" || activation === "sigmoid";
  const lines = Object.entries(parts).map(([words, number]) => line(words, write(number)));
  lines.push(line(isScore ? "score" : "sum", write(total), "total"));
  if (activation === "relu") {
    const words = total < 0 ? "ReLU: below zero becomes 0" : "ReLU leaves it";
    lines.push(line(words, write(Math.max(0, total)), "result"));
  }
  return lines;
}

/** Show the sum of a convolution's cell. `onChannel(channel)` is told which group was opened. */
export function convolutionView(state, at, onChannel) {
  const layer = state.layers[at.layer];
  const { groups, bias, sum } = convolutionSum(state, at);
  const [biasPrinted, ...subtotals] = roundTerms(
    [bias, ...groups.map((g) => g.subtotal)],
    sum,
    DIGITS,
  );
  const all = rounded(subtotals.reduce((a, b) => a + b, 0));
  const lines = (words) => sumLines({ [words]: all, bias: biasPrinted }, sum, layer);
  const products = (i) => productTable(groups[i].products, subtotals[i]);
  const count = groups[0].products.length;
  if (groups.length === 1) return [products(0), ...lines(`sum of the ${count} products`)];
  const order = groups
    .map((group, i) => i)
    .sort((a, b) => Math.abs(groups[b].subtotal) - Math.abs(groups[a].subtotal));
  const most = Math.abs(groups[order[0]].subtotal);
  const speaking = order.filter((i) => groups[i].products.some((part) => part.value !== 0));
  const list = speaking.map((i) => {
    const head = make(
      "summary",
      {},
      make("span", {}, `channel ${groups[i].channel}`),
      bar(groups[i].subtotal, most),
      make("b", {}, write(subtotals[i])),
    );
    // Details of one name: opening one closes the others.
    const details = make("details", { name: "subtotal", "data-channel": groups[i].channel }, head);
    const fill = () => details.children.length === 1 && details.append(products(i));
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
    ...lines(`sum of ${groups.length} subtotals`),
    make(
      "p",
      { class: "note" },
      `One subtotal for each input channel, the largest first${note}. Open one for its ${count} products.`,
    ),
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
export function poolingView(state, at) {
  const values = pooledValues(state, at);
  const largest = values.indexOf(Math.max(...values));
  const cells = values.map((value) => make("td", {}, write(value)));
  cells[largest].className = "largest";
  cells[largest].append(make("small", {}, "largest"));
  return [
    grid("products pooled", cells, state.layers[at.layer].size),
    line(`the largest of the ${values.length}`, write(values[largest]), "result"),
  ];
}

/** Show the average that global pooling makes of a map. */
export function averageView(state, at) {
  const values = Array.from(averagedValues(state, at));
  const sum = values.reduce((a, b) => a + b, 0);
  const printed = roundTerms(values, sum, DIGITS);
  const cells = printed.map((value) => make("td", {}, write(value)));
  return [
    grid("products pooled", cells, state.layers[at.layer].inputShape[1]),
    line(`sum of the ${values.length} cells`, write(sum), "total"),
    line(`divided by ${values.length}`, write(sum / values.length), "result"),
  ];
}
