// The button "What does it cost?" and the table of accuracies by class, without and with a change.

import { background } from "./background.js";
import { counted, decimals, percent, whole } from "./numbers.js";
import { byId, make } from "./pictures.js";

/** Set the button up. `networks()` returns { learned, layers }; returns a function to reset. */
export function costButton(source, images, classes, networks) {
  const worker = background(source);
  const before = new WeakMap(); // the counts of networks without changes
  const reset = () => {
    worker.stop();
    byId("cost-progress").hidden = true;
    byId("cost").setAttribute("aria-disabled", "false"); // it keeps the keyboard's focus
    byId("cost-table").replaceChildren();
  };
  // Images that stand in for test images may be of classes that the network does not have.
  byId("cost").hidden = images.classes.some((name, label) => name !== classes[label]);
  byId("cost").addEventListener("click", async () => {
    if (byId("cost").getAttribute("aria-disabled") === "true") return;
    reset();
    const bar = byId("cost-progress");
    byId("cost").setAttribute("aria-disabled", "true");
    bar.hidden = false;
    bar.value = 0;
    const { learned, layers } = networks();
    const tasks = before.has(learned) ? [layers] : [learned, layers];
    const results = [];
    for (const network of tasks) {
      const task = {
        name: "evaluate",
        layers: network,
        pixels: images.pixels,
        labels: images.labels,
        classes: classes.length,
      };
      const progress = (done) => (bar.value = (results.length + done) / tasks.length);
      results.push(await worker.run(task, progress));
    }
    if (results.length === 2) before.set(learned, results[0]);
    reset();
    byId("cost-table").replaceChildren(
      costTable(before.get(learned), results.at(-1), classes, images.source),
    );
  });
  return reset;
}

function costTable(before, after, classes, source) {
  const sum = (counts) => counts.reduce((a, b) => a + b, 0);
  const row = (name, right, rightAfter, total, className = "") => {
    const difference = rightAfter - right;
    return make(
      "tr",
      className ? { class: className } : {},
      make("th", { scope: "row" }, name),
      make("td", {}, percent(right / total)),
      make("td", {}, percent(rightAfter / total)),
      make(
        "td",
        { class: difference < 0 ? "worse" : "" },
        `${difference > 0 ? "+" : ""}${decimals(difference, 0)}`,
      ),
      make("td", {}, whole(total)),
    );
  };
  const rows = classes.flatMap((name, i) =>
    before.total[i] ? [row(name, before.right[i], after.right[i], before.total[i])] : [],
  );
  const total = row("all", sum(before.right), sum(after.right), sum(before.total), "all");
  const names = ["class", "before", "after", "change in right answers", "images"];
  const images = sum(before.total);
  const words = `Accuracy on ${counted(images, "image")} of ${source}, without and with the change`;
  return make(
    "table",
    { class: "cost" },
    make("caption", {}, words),
    make("thead", {}, make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name)))),
    make("tbody", {}, total, ...rows),
  );
}
