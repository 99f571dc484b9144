// The few pieces of page that the parts of <combo-box> make and say.

export function make(tag, attributes = {}) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

// A change as of someone who typed.
export const changed = (field) => field.dispatchEvent(new Event("input", { bubbles: true }));

const status = document.body.appendChild(make("p", { role: "status", class: "visually-hidden" }));
export function say(text) {
  status.textContent = text;
}
