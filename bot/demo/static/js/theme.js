// Runs before the first paint: a chosen theme must not flash into the other one.
(function () {
  try {
    const chosen = localStorage.getItem("demo.theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch { /* storage may be forbidden: the system's preference then decides */ }
})();
