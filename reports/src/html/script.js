"use strict";
// Comfort only: the page says everything without this. No ampersand and no less-than sign, so that it is XML too.
(function () {
  var one = function (id) { return document.getElementById(id); };
  var all = function (query, root) { return Array.from((root || document).querySelectorAll(query)); };

  // A link to something closed opens it.
  var reveal = function () {
    var id = decodeURIComponent(location.hash.slice(1));
    var place = id ? one(id) : null;
    if (!place) { return; }
    for (var node = place; node; node = node.parentElement) {
      if (node.hidden) { node.hidden = false; }
      if (node.tagName === "DETAILS") { node.open = true; }
    }
    place.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();

  var tools = one("tools"), find = one("find"), show = one("show"), found = one("found");
  var behaviours = all(".behaviour").map(function (node) {
    return { node: node, states: (node.dataset.states || "").split(" "), text: null };
  });
  var words = function (entry) {
    if (entry.text === null) {
      entry.text = all("summary, .about", entry.node).map(function (part) { return part.textContent; }).join(" ").toLowerCase();
    }
    return entry.text;
  };
  var filter = function () {
    var terms = find.value.toLowerCase().split(/\s+/).filter(Boolean), state = show.value, shown = 0;
    behaviours.forEach(function (entry) {
      var wanted = state === "" ? true : entry.states.includes(state);
      var fits = wanted ? terms.every(function (term) { return words(entry).includes(term); }) : false;
      entry.node.hidden = !fits;
      if (fits) { shown += 1; }
    });
    all("h3.suite").forEach(function (head) {
      var node = head.nextElementSibling, any = false;
      for (; node; node = node.nextElementSibling) {
        if (node.tagName === "H3") { break; }
        if (!node.hidden) { any = true; }
      }
      head.hidden = !any;
    });
    found.textContent = shown === behaviours.length ? "" : shown + " of " + behaviours.length;
  };
  if (tools) {
    tools.hidden = false;
    tools.addEventListener("submit", function (event) { event.preventDefault(); });
    find.addEventListener("input", filter);
    show.addEventListener("change", filter);
    var open = function (state) {
      return function () {
        behaviours.forEach(function (entry) { if (!entry.node.hidden) { entry.node.open = state; } });
      };
    };
    one("expand").addEventListener("click", open(true));
    one("collapse").addEventListener("click", open(false));
  }

  // A button for each piece of evidence, made when it is first opened.
  document.addEventListener("toggle", function (event) {
    var box = event.target;
    if (!box.matches("details.evidence")) { return; }
    if (!navigator.clipboard || box.querySelector("button")) { return; }
    var button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", function (press) {
      press.preventDefault();
      navigator.clipboard.writeText(box.querySelector("pre").textContent).then(
        function () { button.textContent = "Copied"; },
        function () { button.textContent = "Not allowed here"; });
    });
    box.querySelector("summary").append(button);
  }, true);
})();
