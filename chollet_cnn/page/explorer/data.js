// Unpack the arrays that the page carries: base64, deflated, each number's bytes apart from the
// other numbers' (all first bytes, then all second bytes ...), which deflates better.

const BYTES = { uint8: 1, uint16: 2, float16: 2, float32: 4 };

/** Unpack one array. Float16 comes back as a Float32Array. */
export async function unpack({ dtype, data }) {
  const letters = atob(data);
  const packed = new Uint8Array(letters.length);
  for (let i = 0; i < packed.length; i++) packed[i] = letters.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const apart = new Uint8Array(await new Response(stream).arrayBuffer());
  const size = BYTES[dtype];
  const count = apart.length / size;
  const bytes = new Uint8Array(apart.length);
  for (let byte = 0; byte < size; byte++)
    for (let i = 0; i < count; i++) bytes[i * size + byte] = apart[byte * count + i];
  if (dtype === "uint8") return bytes;
  if (dtype === "float32") return new Float32Array(bytes.buffer);
  const words = new Uint16Array(bytes.buffer);
  return dtype === "uint16" ? words : Float32Array.from(words, fromHalf);
}

/** Return the name of a stored image's class. */
export const classOf = ({ labels, classes }, at) => classes[labels[at]];

/**
 * Load the weights from their file beside the page: a script, since a page that is opened from the
 * disk may load nothing else. A large file waits until its button is pressed.
 */
export async function loadWeights({ name, bytes }, button) {
  if (button) {
    button.hidden = false;
    button.textContent = `Load the network (${(bytes / 1e6).toFixed(1)} MB)`;
    await new Promise((resolve) => button.addEventListener("click", resolve, { once: true }));
    button.setAttribute("aria-disabled", "true"); // disabled, it would lose the focus
  }
  const script = document.createElement("script");
  script.src = name;
  const loaded = new Promise((resolve, reject) => {
    script.onload = resolve;
    script.onerror = reject;
  });
  document.head.append(script);
  try {
    await loaded;
  } catch {
    const words = `The file ${name} is not beside this page; write the explorer again.`;
    const alert = document.createElement("strong");
    alert.role = "alert";
    alert.textContent = words;
    document.querySelector(".lead").append(alert);
    throw new Error(words);
  }
  if (button) button.hidden = true;
  return window.networkWeights;
}

/** Read a 16-bit floating-point number: a sign, five bits of exponent, ten of fraction. */
export function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
