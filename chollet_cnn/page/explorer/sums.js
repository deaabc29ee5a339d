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

/** Return a square table of products: value × weight, and what they give. */
function productTable(products, printed) {
  const size = Math.sqrt(products.length);
  const rows = Array.from({ length: size }, (_, row) =>
    make(
      "tr",
      {},
      ...products
        .slice(row * size, (row + 1) * size)
        .map(({ value, weight }, i) =>
          make(
            "td",
            {},
            make("span", { class: "value" }, decimals(value, 3)),
            make("span", { class: "weight" }, `× ${decimals(weight, 4)}`),
            make("b", { class: "product" }, write(printed[row * size + i])),
          ),
        ),
    ),
  );
  return make("table", { class: "products" }, make("tbody", {}, ...rows));
}

/** Return the lines from the sum to the value: bias, sum, ReLU. */
function closing({ words, subtotal, bias, sum, value, activation }) {
  const lines = [
    line(words, write(subtotal)),
    line("bias", write(bias)),
    line("sum", write(sum), "total"),
  ];
  if (activation === "relu") lines.push(reluLine(sum, value));
  return lines;
}

export const reluLine = (sum, value) =>
  line(sum < 0 ? "ReLU: below zero becomes 0" : "ReLU leaves it", write(value), "result");

/** Show the sum of a convolution's cell. `onChannel(channel)` is told which group was opened. */
export function convolutionView(state, { layer: index, row, column, channel }, onChannel) {
  const layer = state.layers[index];
  const { groups, bias, sum } = convolutionSum(
    state.layers,
    state.pass,
    index,
    row,
    column,
    channel,
  );
  const [biasPrinted, ...subtotals] = roundTerms(
    [bias, ...groups.map((g) => g.subtotal)],
    sum,
    DIGITS,
  );
  const value = layer.activation === "relu" ? Math.max(0, rounded(sum)) : rounded(sum);
  const products = (group, i) =>
    productTable(
      group.products,
      roundTerms(
        group.products.map((part) => part.product),
        subtotals[i],
        DIGITS,
      ),
    );
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
    make(
      "p",
      { class: "note" },
      `One subtotal for each input channel, the largest first${note}. Open one for its nine products.`,
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
export function poolingView(state, { layer: index, row, column, channel }) {
  const values = pooledValues(state.layers, state.pass, index, row, column, channel);
  const largest = values.indexOf(Math.max(...values));
  const size = state.layers[index].size;
  const rows = Array.from({ length: size }, (_, y) =>
    make(
      "tr",
      {},
      ...values
        .slice(y * size, (y + 1) * size)
        .map((value, x) =>
          make(
            "td",
            y * size + x === largest ? { class: "largest" } : {},
            write(value),
            y * size + x === largest ? make("small", {}, "largest") : "",
          ),
        ),
    ),
  );
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
    make(
      "tr",
      {},
      ...printed.slice(y * columns, (y + 1) * columns).map((value) => make("td", {}, write(value))),
    ),
  );
  return [
    make("table", { class: "products pooled" }, make("tbody", {}, ...rows)),
    line(`sum of the ${values.length} cells`, write(sum), "total"),
    line(`divided by ${values.length}`, write(sum / values.length), "result"),
  ];
}
