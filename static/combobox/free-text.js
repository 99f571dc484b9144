// A <combo-box> around an <input>: any text.

import { changed } from "./dom.js";
import { Suggestions } from "./suggestions.js";

export class FreeText {
  constructor(box, input) {
    Object.assign(this, { box, input, suggestions: new Suggestions(box.dataset.source) });
  }

  refresh() {}
  onFocus() { this.suggestions.first(); } // so that they are there when one types
  find(search) { return this.suggestions.find(search); }

  entries(options) {
    const isAllThatIsThere = options.length === 1 && options[0].value === this.input.value;
    return isAllThatIsThere ? [] : options.map((option) => this.box.entry(option));
  }

  take(value) {
    this.input.value = value;
    changed(this.input);
  }

  onKey(event, isOpen) {
    if (event.key === "Tab" && this.box.active) this.box.take(this.box.active);
    else if (event.key === "Enter" && isOpen) {
      event.preventDefault(); // who is still offered something has not finished: nothing is sent yet
      this.box.close();
    }
  }
}
