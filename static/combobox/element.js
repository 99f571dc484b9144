// <combo-box> around a field adds the combobox of the WAI-ARIA Authoring Practices: a list that narrows as one types.
// Which one, the field decides:
//   <select>    one of its options. data-note stands beside an option and data-about below it; both are searched. With
//               data-define a last entry asks for what is not there, by an event “define” with what was typed.
//   <input>     any text; texts that users have are suggested.
//   <textarea>  any texts, one a line, shown as chips; suggested likewise.
// The field stays the form's, and says by “input” when it changed; without script it is all there is. data-source is
// where suggestions come from, data-label the name where the field's own would mislead.

import { Chips } from "./chips.js";
import { Choice } from "./choice.js";
import { make } from "./dom.js";
import { FreeText } from "./free-text.js";

class ComboBox extends HTMLElement {
  connectedCallback() {
    if (this.list) return; // it only moved
    for (const copied of this.querySelectorAll(":scope > [data-made]")) copied.remove(); // a copy makes its own
    this.field = this.querySelector("select, textarea, input");
    this.list = make("ul", { "data-made": "", id: `${this.field.id}-list`, class: "options", role: "listbox", hidden: "" });
    this.kind = new { SELECT: Choice, INPUT: FreeText, TEXTAREA: Chips }[this.field.tagName](this, this.field);
    this.input = this.kind.input;
    const label = this.dataset.label ?? this.field.getAttribute("aria-label");
    this.list.setAttribute("aria-label", this.kind instanceof Choice ? label : "Suggestions");
    const attributes = { role: "combobox", "aria-label": label, "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": this.list.id };
    for (const name of ["aria-describedby", "aria-invalid"]) {
      if (this.field.hasAttribute(name)) attributes[name] = this.field.getAttribute(name);
    }
    for (const [name, value] of Object.entries(attributes)) this.input.setAttribute(name, value);
    this.append(this.list);
    this.input.addEventListener("focus", () => this.kind.onFocus?.());
    this.input.addEventListener("click", () => { if (this.list.hidden) this.open(); });
    this.input.addEventListener("blur", () => { this.kind.onBlur?.(); this.close(); });
    this.input.addEventListener("keydown", (event) => this.onKey(event));
    this.input.addEventListener("input", (event) => {
      this.isTyped = true;
      this.kind.onInput?.(event);
      if (this.input.value || this.kind instanceof Choice) this.open();
      else this.close(); // nothing is sought, and what can be had shows on a click or an arrow key
    });
    this.list.addEventListener("pointerdown", (event) => event.preventDefault()); // keeps the focus in the field
    this.list.addEventListener("click", (event) => {
      const item = event.target.closest("[role=option]");
      if (item) this.take(item);
    });
  }

  // Show the field as it is, after its value was set from outside.
  refresh() {
    this.kind.refresh();
  }

  // Go on where someone typed already before the field came.
  resume() {
    this.isTyped = true;
    if (document.activeElement === this.input && this.input.value) this.open();
  }

  get items() {
    return [...this.list.querySelectorAll("[role=option]")];
  }

  // What is found for what is typed, or all. What comes after a newer question, or after the list was left, is not shown.
  async open({ step = 0 } = {}) {
    const search = this.isTyped ? this.input.value : "";
    const question = (this.question = {});
    const found = await this.kind.find(search);
    if (this.question !== question || !found) return;
    const entries = this.kind.entries(found, search);
    this.list.replaceChildren(...entries);
    this.list.hidden = !entries.length;
    this.input.setAttribute("aria-expanded", String(!this.list.hidden));
    this.activate(this.kind.best ? this.kind.best(search) : step && this.items.at(step > 0 ? 0 : -1));
  }

  close() {
    this.question = null;
    this.isTyped = false;
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.activate(null);
    this.kind.onClose?.();
  }

  activate(item) {
    this.active?.removeAttribute("data-active");
    this.active = item || null;
    if (item) {
      item.setAttribute("data-active", "");
      item.scrollIntoView({ block: "nearest" });
      this.input.setAttribute("aria-activedescendant", item.id);
    } else {
      this.input.removeAttribute("aria-activedescendant");
    }
  }

  take(item) {
    const { value } = item.dataset;
    const isNew = item.hasAttribute("data-define");
    if (!isNew) this.kind.take(value);
    this.close();
    if (isNew) this.dispatchEvent(new CustomEvent("define", { bubbles: true, detail: value }));
  }

  onKey(event) {
    if (event.isComposing) return; // the keys belong to the input method
    const isOpen = !this.list.hidden;
    const step = event.altKey && event.shiftKey ? 0 : { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      if (!isOpen) return this.open({ step });
      const place = this.items.indexOf(this.active);
      this.activate(this.items.at(place < 0 && step < 0 ? -1 : (place + step) % this.items.length));
    } else if (event.key === "Enter" && isOpen && this.active) {
      event.preventDefault(); // takes, does not send the form
      this.take(this.active);
    } else if (event.key === "Escape" && isOpen) {
      event.preventDefault();
      this.close();
    } else {
      this.kind.onKey(event, isOpen);
    }
  }

  entry({ value, text = value, note = "", about = "" }, attributes = {}) {
    const item = make("li", { id: `${this.list.id}-${this.made = (this.made ?? 0) + 1}`, role: "option", "data-value": value, "aria-selected": "false", ...attributes });
    const name = make("bdi");
    name.textContent = text;
    item.append(name);
    for (const [part, words] of [["note", note], ["about", about]]) {
      if (!words) continue;
      const element = make("span", { class: part, dir: "auto" });
      element.textContent = words;
      item.append(element);
    }
    return item;
  }
}

customElements.define("combo-box", ComboBox);
