// Comforts of the frame; every page works without them.

// A menu closes when the reader turns to something else.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  event.target.closest("[data-dismiss]")?.closest(".toast")?.remove();
});
document.addEventListener("focusin", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// Screen readers announce what is added to a region, not what it held when the page came: so it is said once more.
const toasts = document.getElementById("toasts");
const texts = [...toasts.querySelectorAll("p")].map((p) => p.textContent);
if (texts.length) {
  setTimeout(() => {
    const again = document.createElement("p");
    again.className = "visually-hidden";
    again.textContent = texts.join(" ");
    toasts.append(again);
    setTimeout(() => again.remove(), 1000);
  }, 200);
}

// Without this a call that fails would leave the page as it was, and the reader waiting.
function say(text) {
  if ([...toasts.querySelectorAll("p")].some((p) => p.textContent === text)) return;
  const toast = document.getElementById("toast").content.cloneNode(true);
  toast.querySelector("p").textContent = text;
  toast.firstElementChild.dataset.trouble = "";
  toasts.append(toast);
}
document.addEventListener("htmx:sendError", () => say("Callout can’t be reached. Check your connection, then try again."));
document.addEventListener("htmx:timeout", () => say("That took too long. Try again."));
document.addEventListener("htmx:responseError", ({ detail }) => say(
  detail.xhr.status === 401
    ? "You are signed out. Sign in again in another tab: what you typed stays here."
    : "That didn’t work. Reload the page, then try again.",
));
// What was in trouble works again.
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.successful) toasts.querySelectorAll("[data-trouble]").forEach((toast) => toast.remove());
});

// Signing in again, in another tab, gives the browser a new token: forms that are open take it over. What stands beside the
// builder sends the builder.
function renewToken(form) {
  const field = form?.querySelector("[name=csrfmiddlewaretoken]");
  const cookie = document.cookie.split("; ").find((part) => part.startsWith("csrftoken="));
  if (field && cookie) field.value = cookie.split("=")[1];
}
document.addEventListener("submit", (event) => renewToken(event.target));
document.addEventListener("htmx:confirm", ({ detail }) => renewToken(detail.elt.form ?? detail.elt.closest("form") ?? document.getElementById("builder")));
