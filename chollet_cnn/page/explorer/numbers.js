// Numbers as people read them, and sums whose printed terms add up to the printed total.

/** Write a number with a fixed number of decimals and a true minus sign. */
export function decimals(value, digits) {
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

/** Write a number that is too small for its decimals, such as 4·10⁻⁹. */
export function scientific(value) {
  if (value === 0) return "0";
  const [digits, exponent] = value.toExponential(0).split("e-");
  return `${digits}·10⁻${[...exponent].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]).join("")}`;
}

/** Write a positive number with two decimals, or as a power of ten where those would be zero. */
export const short = (value) =>
  value === 0 || value >= 0.01 ? decimals(value, 2) : scientific(value);

/** Write a share of 1 as a percentage; what is not quite 0 or 100% does not look like it. */
export function percent(share, digits = 1) {
  const least = 10 ** -digits;
  if (share > 0 && 100 * share < least / 2) return `<${decimals(least, digits)}%`;
  if (share < 1 && 100 * (1 - share) < least / 2) return `>${decimals(100 - least, digits)}%`;
  return `${decimals(100 * share, digits)}%`;
}

/** Write a whole number in groups of three digits. */
export const whole = (value) => value.toLocaleString("en");

/** Write how many there are of something. */
export const counted = (count, noun) => `${whole(count)} ${noun}${count === 1 ? "" : "s"}`;

/**
 * Round terms to `digits` decimals so that they add up to the rounded `total`.
 *
 * Each term is rounded up or down, at most one unit of the last digit away from its value; those
 * whose rounding moves them least are the ones that are rounded the other way.
 */
export function roundTerms(terms, total, digits) {
  const unit = 10 ** digits;
  const units = terms.map((term) => Math.floor(term * unit + 1e-9));
  let missing = Math.round(total * unit) - units.reduce((sum, value) => sum + value, 0);
  const order = terms.map((term, i) => [term * unit - units[i], i]).sort((a, b) => b[0] - a[0]);
  for (const [fraction, i] of order) {
    if (missing <= 0 || fraction <= 1e-9) break;
    units[i] += 1;
    missing -= 1;
  }
  return units.map((value) => value / unit);
}
