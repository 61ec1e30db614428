// "Leave this page quickly", faster than the link alone: the page is white at once, Shift three times does the same,
// and the other page takes the place of this one in the history of the tab.
const link = document.querySelector(".exit");
const status = document.createElement("p");
status.className = "unseen";
status.setAttribute("role", "status");
document.body.append(status);
for (const hint of document.querySelectorAll(".exit-keys")) hint.hidden = false;

let presses = 0;
let timer;

const leave = () => {
  document.documentElement.classList.add("leaving");
  status.textContent = link.dataset.leaving;
  top.location.replace(link.href);
};

const begin = (words = "") => {
  clearTimeout(timer);
  presses = 0;
  status.textContent = words;
};

link.addEventListener("click", (event) => {
  event.preventDefault();
  leave();
});

addEventListener("keydown", ({ key, repeat }) => {
  if (repeat) return;
  if (key !== "Shift") return presses && begin();
  presses += 1;
  clearTimeout(timer);
  if (presses === 3) return leave();
  status.textContent = presses === 1 ? link.dataset.twice : link.dataset.once;
  timer = setTimeout(() => begin(link.dataset.late), 5000);
});

// Who comes back by the browser's own button must not find a white page.
addEventListener("pageshow", () => {
  document.documentElement.classList.remove("leaving");
  begin();
});
