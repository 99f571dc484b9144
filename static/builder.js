// The rule builder. The server renders every field and every count; this adds, moves and removes rows, and keeps what is
// typed and where the focus is.

const rules = document.getElementById("rules");
const addButton = document.getElementById("add-rule");
const newRule = document.getElementById("new-rule");
const limit = Number(rules.dataset.limit);

const freshId = () => crypto.getRandomValues(new Uint32Array(1))[0].toString(16).padStart(8, "0");
const traitField = (row) => row.querySelector("[role=combobox]");
const nameOf = (row) => traitField(row).value;
const say = (text) => { document.getElementById("rules-status").textContent = text; };

const changed = () => document.body.dispatchEvent(new CustomEvent("rules-changed"));
document.body.addEventListener("rules-changed", () => {
  const isFull = rules.children.length >= limit;
  addButton.disabled = isFull;
  for (const button of document.querySelectorAll("[data-duplicate], [data-undo]")) button.disabled = isFull;
});

function showName(row) {
  const name = nameOf(row);
  for (const element of [row, ...row.querySelectorAll("[data-called]")]) {
    element.setAttribute("aria-label", name ? `${element.dataset.called}: ${name}` : element.dataset.called);
  }
}

// What carries the id of its row. Elsewhere the same letters belong to traits and values.
const CARRYING_ID = ["id", "name", "for", "aria-describedby", "aria-controls", "aria-activedescendant", "hx-post"];

// A copy of a row, with an id of its own.
function copyOf(row) {
  const copy = row.cloneNode(true);
  const [before, after] = [row.id.replace("rule-", ""), freshId()];
  for (const element of [copy, ...copy.querySelectorAll("*")]) {
    for (const name of element.matches("[name=rule], [name=do]") ? ["value"] : CARRYING_ID) {
      const value = element.getAttribute(name) ?? "";
      const place = value.lastIndexOf(before); // an address may have the same letters before
      if (place >= 0) element.setAttribute(name, value.slice(0, place) + after + value.slice(place + before.length));
    }
  }
  return copy;
}

addButton.addEventListener("click", (event) => {
  event.preventDefault();
  rules.append(copyOf(newRule.content.firstElementChild));
  htmx.process(rules.lastElementChild);
  traitField(rules.lastElementChild).focus();
  changed();
});

// What the buttons of a row do; without script the server does the same.
rules.addEventListener("click", (event) => {
  const button = event.target.closest("[data-move], [data-duplicate], [data-remove]");
  if (!button) return;
  event.preventDefault();
  const row = button.closest(".rule");
  if ("move" in button.dataset) move(row, button.dataset.move);
  else if ("duplicate" in button.dataset) duplicate(row);
  else remove(row);
});

rules.addEventListener("keydown", (event) => {
  const direction = event.altKey && event.shiftKey && { ArrowUp: "up", ArrowDown: "down" }[event.key];
  if (!direction) return;
  event.preventDefault();
  move(event.target.closest(".rule"), direction);
});

// The neighbour moves around the row, because what is moved itself loses focus and caret.
function move(row, direction) {
  if (direction === "up" && row.previousElementSibling) row.after(row.previousElementSibling);
  else if (direction === "down" && row.nextElementSibling) row.before(row.nextElementSibling);
  else return say(`Rule ${nameOf(row)} is ${direction === "up" ? "first" : "last"} already`);
  row.scrollIntoView({ block: "nearest" });
  say(`Rule ${nameOf(row)} is now ${[...rules.children].indexOf(row) + 1} of ${rules.children.length}`);
  changed();
}

function duplicate(row) {
  const copy = copyOf(row);
  for (const element of [copy, ...copy.querySelectorAll(".htmx-request")]) element.classList.remove("htmx-request");
  // A copied select stands where its page had it.
  const selects = [...row.querySelectorAll("select")];
  copy.querySelectorAll("select").forEach((select, place) => { select.value = selects[place].value; });
  copy.querySelector("details").open = row.querySelector("details").open = false;
  row.after(copy);
  htmx.process(copy);
  // What follows the trait is still on its way to the row, so the copy asks for it too.
  if (rowsUnderway().includes(row)) copy.querySelector("select").dispatchEvent(new Event("input", { bubbles: true }));
  traitField(copy).focus();
  say(`Rule ${nameOf(copy)} duplicated`);
  changed();
}

// A rule that was removed can come back, the last one first.
const removed = [];
const removedNotice = document.getElementById("removed");

function remove(row) {
  const next = row.nextElementSibling ?? row.previousElementSibling;
  removed.push({ row, place: [...rules.children].indexOf(row) });
  row.remove();
  (next?.querySelector("[data-remove]") ?? addButton).focus();
  showRemoved();
  changed();
}

function showRemoved() {
  removedNotice.replaceChildren();
  if (!removed.length) return;
  const notice = document.getElementById("removed-rule").content.cloneNode(true);
  const name = nameOf(removed.at(-1).row);
  notice.querySelector("p").textContent = name ? `Removed rule “${name}”` : "Removed a rule";
  removedNotice.append(notice);
}

removedNotice.addEventListener("click", (event) => {
  if (!event.target.closest("[data-undo]")) return;
  const { row, place } = removed.pop();
  rules.insertBefore(row, rules.children[place] ?? null);
  traitField(row).focus();
  showRemoved();
  say(`Rule ${nameOf(row)} is back`);
  changed();
});

// A trait that no one sends yet is defined in a dialog, and the row that asked for it takes it over.
rules.addEventListener("define", ({ target: box, detail: key }) => {
  const dialog = document.getElementById("define-trait").content.firstElementChild.cloneNode(true);
  document.body.append(dialog);
  htmx.process(dialog);
  dialog.querySelector("[name=key]").value = key;
  dialog.addEventListener("click", (event) => { if (event.target.closest("[data-close]")) dialog.close(); });
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("htmx:afterSwap", ({ detail }) => {
    if (detail.target.id === "defined-trait") takeOver(box, detail.target.firstElementChild);
  });
  dialog.showModal();
});

function takeOver(box, option) {
  for (const holder of [document, newRule.content]) {
    for (const group of holder.querySelectorAll("[data-traits]")) group.append(option.cloneNode(true));
  }
  option.closest("dialog").close(); // gives the focus back
  box.field.value = option.value;
  box.refresh();
  box.field.dispatchEvent(new Event("input", { bubbles: true }));
  say(`Defined ${option.value}`);
}

// Operator and value come back for a new trait with the value as it was when they were asked for. Whoever typed on
// meanwhile keeps what they typed, and their place, also where one value becomes a list.
const valueFields = (rest) => [...rest.querySelectorAll(".rule-value :is(input:not([type=hidden]), textarea:not([hidden]))")];
const chipLists = (rest) => [...rest.querySelectorAll(".rule-value textarea[hidden]")];
const partOf = (field) => field.id.replace("-search", ""); // beside a list of chips one types into a field of its own
const lines = (text) => (text ?? "").replaceAll("\r\n", "\n"); // forms send line breaks in another way than fields have them
let before = null;
document.addEventListener("htmx:beforeSwap", ({ detail: { target, requestConfig } }) => {
  if (!target.matches(".rule-rest")) return;
  const isNew = ({ name, value }) => lines(value) !== lines(requestConfig.parameters[name]);
  before = {
    focused: target.contains(document.activeElement) && partOf(document.activeElement),
    typed: valueFields(target).filter(isNew),
    lists: chipLists(target).filter(isNew),
  };
});
document.addEventListener("htmx:afterSwap", ({ detail: { target } }) => {
  if (!target.matches(".rule-rest")) return;
  const fieldOf = (part) => valueFields(target).find((field) => partOf(field) === part);
  const listOf = (part) => chipLists(target).find((list) => list.id === part);
  for (const { id, value } of before.lists) {
    if (listOf(id)) listOf(id).value = value;
  }
  for (const { id, name, value, selectionStart, selectionEnd } of before.typed) {
    const part = id.replace("-search", "");
    const field = fieldOf(part);
    if (!field) continue;
    if (name && listOf(part)) listOf(part).value = ""; // what is typed now is all that the one value is
    field.value = value;
    if (["text", "textarea"].includes(field.type) && selectionStart !== null) field.setSelectionRange(selectionStart, selectionEnd);
  }
  if (before.focused && !target.contains(document.activeElement)) (fieldOf(before.focused) ?? target.querySelector("select")).focus();
  for (const box of target.querySelectorAll("combo-box")) {
    box.refresh();
    if (before.typed.length) box.resume();
  }
  showName(target.closest(".rule"));
});

// Rows that are on their way, by their request. A row is back only when its new fields answer: after htmx settled them,
// which the selects ask to be done at once, or what is pressed in between would be lost.
const underway = new Map();
const rowsUnderway = () => [...underway.values()].filter((row) => row.isConnected);
document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (detail.target.matches(".rule-rest")) underway.set(detail.xhr, detail.target.closest(".rule"));
});
document.addEventListener("htmx:afterSettle", ({ detail }) => {
  const row = underway.get(detail.xhr);
  if (!row) return;
  underway.delete(detail.xhr);
  if (word.row === row) choose();
  sendWhatWaits();
});
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!detail.successful) underway.delete(detail.xhr);
});

// A comparison is chosen by typing how it begins, as in any list, but also while its row is on its way: then the browser
// would search the comparisons of the trait before, choose one of those, and forget the word when the new ones come. Here
// the word waits for them.
const WORD_ENDS_MS = 1000; // after its last key
const NO_WORD = { row: null, text: "", chosen: 0, at: 0 };
let word = NO_WORD;
rules.addEventListener("keydown", (event) => {
  const select = event.target;
  if (!select.matches(".rule-operator") || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (CSS.supports("selector(:open)") && select.matches(":open")) return; // the browser searches what it shows
  const row = select.closest(".rule");
  if ([...event.key].length > 1) {
    // Arrows and their like choose in another way; Tab and Shift only go on.
    if (word.row === row && !["Tab", "Shift", "Enter"].includes(event.key)) word = NO_WORD;
    return;
  }
  const goesOn = word.row === row && Date.now() - word.at < WORD_ENDS_MS;
  if (event.key === " " && !goesOn) return; // opens the list
  event.preventDefault();
  word = { ...(goesOn ? word : NO_WORD), row, at: Date.now() };
  word.text += event.key.toLowerCase();
  choose();
});

// One letter, alone or again and again, goes on to the next comparison that begins with it; a longer word to the first that
// begins with it, whichever was chosen before.
function choose() {
  if (word.chosen === word.text.length || rowsUnderway().includes(word.row)) return;
  const isOneLetter = new Set(word.text).size === 1;
  const steps = word.text.length - word.chosen;
  word.chosen = word.text.length;
  const select = word.row.querySelector(".rule-operator");
  const found = [...select.options].filter((option) => option.text.toLowerCase().startsWith(isOneLetter ? word.text[0] : word.text));
  const passed = found.filter((option) => option.index <= select.selectedIndex).length;
  const option = found[isOneLetter ? (passed + steps - 1) % found.length : 0];
  if (!option || option.selected) return;
  option.selected = true;
  for (const type of ["input", "change"]) select.dispatchEvent(new Event(type, { bubbles: true }));
}

// Who saves while a row is on its way means what they have chosen and typed: the form waits for the row.
const form = document.getElementById("builder");
let waiting = null;
let isSent = false;
form.addEventListener("submit", (event) => {
  isSent = !rowsUnderway().length;
  if (isSent) return;
  event.preventDefault();
  waiting = event.submitter;
});

// Who leaves with changes that are not saved is asked, unless what they press says that it drops them.
document.addEventListener("click", (event) => { if (event.target.closest("[data-drop]")) isSent = true; });
const content = () => JSON.stringify([...new FormData(form)].filter(([name]) => /^(name|trait|operator|value|to)(-[0-9a-f]{8})?$/.test(name)));
const contentAtFirst = "unsaved" in form.dataset ? null : content();
window.addEventListener("beforeunload", (event) => {
  if (!isSent && content() !== contentAtFirst) event.preventDefault();
});
window.addEventListener("pageshow", () => { isSent = false; }); // back by the browser's history
function sendWhatWaits() {
  if (!waiting || rowsUnderway().length) return;
  const button = waiting;
  waiting = null;
  form.requestSubmit(button);
}
// A row that fails is said to have failed, and who tries again decides anew.
for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(failure, () => { waiting = null; });
}

// The preview brings the errors of the rows with it; their fields say so too.
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target.id !== "audience") return;
  for (const error of rules.querySelectorAll(".error")) {
    for (const field of error.closest(".rule").querySelectorAll(".rule-value :is(select, input, textarea)")) {
      if (error.textContent.trim()) field.setAttribute("aria-invalid", "true");
      else field.removeAttribute("aria-invalid");
    }
  }
});

// After a save that was refused, begin where something is to be mended.
(document.querySelector(".conflict") ?? document.querySelector("#builder :is(input, textarea, select:not([hidden]))[aria-invalid=true]"))?.focus();
