// A <combo-box> around a <textarea>: any texts, as chips. What is typed counts already before it is one.

import { changed, make, say } from "./dom.js";
import { Suggestions } from "./suggestions.js";

const CLICK_MS = 200; // a click that takes the focus away is over by then

export class Chips {
  constructor(box, area) {
    Object.assign(this, { box, area, suggestions: new Suggestions(box.dataset.source) });
    area.hidden = true;
    this.input = make("input", { id: `${area.id}-search`, autocomplete: "off", autocapitalize: "off", spellcheck: "false", placeholder: "Add values", dir: "auto" });
    this.chips = make("ul", { "aria-label": "Chosen values" });
    const frame = make("div", { "data-made": "", class: "field chips" });
    frame.append(this.chips, this.input);
    box.append(frame);
    frame.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) this.remove(this.place(button));
      if (!button || event.detail) this.input.focus(); // from the keyboard one goes on among the chips
    });
    this.chips.addEventListener("keydown", (event) => this.onChipKey(event));
    this.input.addEventListener("paste", (event) => this.onPaste(event));
    this.values = this.stored();
    this.show();
  }

  get typed() { return this.input.value; }
  get buttons() { return [...this.chips.querySelectorAll("button")]; }
  place(button) { return this.buttons.indexOf(button); }

  stored() { return [...new Set(linesOf(this.area.value))]; }

  refresh() {
    this.values = this.stored();
    if (this.values.at(-1) === this.typed) this.values.pop();
    this.show();
    this.store();
  }

  show() {
    this.chips.replaceChildren(...this.values.map((value) => {
      const chip = make("li", { class: "chip" });
      const text = make("bdi", { title: value });
      text.textContent = value;
      const button = make("button", { type: "button", tabindex: "-1", "aria-label": `Remove ${value}` });
      button.textContent = "×";
      chip.append(text, button);
      return chip;
    }));
    this.chips.hidden = !this.values.length;
  }

  // The form's field holds the chips and what is being typed.
  store() {
    const values = this.typed.trim() ? [...this.values, this.typed] : this.values;
    const lines = values.map(lineOf).join("\n");
    if (this.area.value === lines) return;
    this.area.value = lines;
    changed(this.area);
  }

  add(values) {
    const fresh = [...new Set(values.filter((value) => value.trim() && !this.values.includes(value)))];
    this.input.value = "";
    this.box.isTyped = false;
    this.values.push(...fresh);
    this.show();
    this.store();
    this.input.scrollIntoView({ block: "nearest" });
    if (fresh.length) say(fresh.length === 1 ? `Added ${fresh[0]}` : `Added ${fresh.length} values`);
  }

  remove(place) {
    const hadFocus = this.buttons.includes(document.activeElement);
    const [value] = this.values.splice(place, 1);
    this.show();
    this.store();
    if (hadFocus) (this.buttons[Math.min(place, this.values.length - 1)] ?? this.input).focus();
    say(`Removed ${value}`);
  }

  take(value) { this.add([value]); }

  onFocus() { this.suggestions.first(); }

  onInput(event) {
    event.stopPropagation(); // the field itself says so
    this.store();
  }

  // Only after the click that took the focus away, under which a chip more could move what is clicked.
  onBlur() {
    setTimeout(() => { if (document.activeElement !== this.input && this.typed.trim()) this.add([this.typed]); }, CLICK_MS);
  }

  find(search) { return this.suggestions.find(search); }

  entries(options) {
    const others = options.filter(({ value }) => !this.values.includes(value));
    return others.length === 1 && others[0].value === this.typed ? [] : others.map((option) => this.box.entry(option));
  }

  onKey(event) {
    const isAtStart = this.input.selectionEnd === 0;
    if (event.key === "Enter") {
      event.preventDefault(); // does not send the form
      this.box.close();
      this.add([this.typed]);
    } else if (event.key === "Tab") {
      if (this.box.active) this.box.take(this.box.active);
      else if (this.typed.trim()) this.add([this.typed]);
    } else if (event.key === "Backspace" && isAtStart && this.values.length) {
      event.preventDefault();
      this.remove(this.values.length - 1);
    } else if (event.key === "ArrowLeft" && isAtStart && this.values.length) {
      event.preventDefault();
      this.buttons.at(-1).focus();
    }
  }

  onChipKey(event) {
    const place = this.place(document.activeElement);
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) (this.buttons[Math.max(place + step, 0)] ?? this.input).focus();
    else if (event.key === "Backspace" || event.key === "Delete") this.remove(place);
    else return;
    event.preventDefault();
  }

  onPaste(event) {
    const values = pastedValues(event.clipboardData.getData("text/plain"));
    if (values.length < 2) return;
    event.preventDefault();
    this.box.close();
    this.add([this.typed, ...values]);
  }
}

// A list has one value a line; one with line breaks of its own stands there as JSON writes it, as in engage/forms.py.
function linesOf(text) {
  return text.split(/\r\n|\n|\r/).filter((line) => line.trim()).map((line) => quoted(line) || line);
}

function lineOf(value) {
  const isPlain = !/[\r\n]/.test(value) && !quoted(value);
  return isPlain ? value : JSON.stringify(value);
}

function quoted(line) {
  if (line[0] !== '"' || line.at(-1) !== '"') return "";
  try {
    return JSON.parse(line);
  } catch {
    return "";
  }
}

// A list from elsewhere: parts between commas, semicolons, tabs and line breaks; in double quotes these belong to a part.
function pastedValues(text) {
  const parts = text.match(/"(?:[^"]|"")*"|[^,;\t\r\n]+/g) ?? [];
  return parts.map((part) => part.trim().replace(/^"(.*)"$/s, (_, inside) => inside.replaceAll('""', '"'))).filter(Boolean);
}
