// Copy buttons: <button type="button" class="btn" data-copy="#id">Copy</button> copies the text or value of that element.

const announcer = document.createElement("div");
announcer.className = "visually-hidden";
announcer.setAttribute("role", "status");
document.body.append(announcer);

// Browsers hide navigator.clipboard from pages that come over plain http, as they may inside a company's network.
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("The browser refused to copy.");
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.querySelector(button.dataset.copy);
  const label = button.querySelector("[data-copy-label]") ?? button;
  button.copyLabel ??= label.textContent;
  let outcome = "Copied";
  try {
    await copy(source.value ?? source.textContent);
  } catch {
    // The reader can still do it by hand: the text is selected.
    getSelection().selectAllChildren(source);
    outcome = "Press Ctrl+C";
  }
  button.focus();
  label.textContent = outcome;
  announcer.textContent = outcome;
  clearTimeout(button.copyTimer);
  button.copyTimer = setTimeout(() => {
    label.textContent = button.copyLabel;
    announcer.textContent = "";
  }, 2000);
});
