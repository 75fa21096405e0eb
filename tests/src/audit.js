// What is wrong with the page as it is shown now, one line each; on paper nothing may be folded away.
((isPaper) => {
  const problems = [];
  const width = document.documentElement.clientWidth;
  const isShown = (element) => element.getClientRects().length > 0 && element.checkVisibility();
  const name = (element) =>
    `<${element.localName} class="${element.getAttribute("class") ?? ""}"> ` +
    JSON.stringify((element.textContent ?? "").trim().slice(0, 40));

  // Nothing overflows, and nothing has to be scrolled sideways to be read.
  if (document.documentElement.scrollWidth > width) {
    problems.push(`overflow: the page is ${document.documentElement.scrollWidth} px wide on ${width}`);
  }
  for (const element of document.body.querySelectorAll("*")) {
    if (!isShown(element)) continue;
    const box = element.getBoundingClientRect();
    if (box.right > width + 1 || box.left < -1) problems.push(`overflow: ${name(element)}`);
    const isHtml = element instanceof HTMLElement && getComputedStyle(element).display !== "inline";
    if (isHtml && element.scrollWidth > element.clientWidth + 1) problems.push(`overflow: ${name(element)}`);
  }

  // Nothing is hidden, but what the reader folds away. Where a table's head is, each cell names its column.
  for (const element of document.body.querySelectorAll("h1, h2, h3, h4, p, li, dt, dd, th, td, figcaption, pre")) {
    const isFolded = !isPaper && element.closest("details:not([open])") !== null && !element.closest("summary");
    const isEmpty = element.textContent.trim() === "";
    if (isShown(element) || isFolded || isEmpty || element.closest("thead") !== null) continue;
    problems.push(`hidden: ${name(element)}`);
  }
  for (const table of document.querySelectorAll("table")) {
    const head = table.tHead;
    if (!isShown(table) || head === null || isShown(head)) continue;
    const columns = [...head.rows[0].cells].map((cell) => cell.textContent);
    for (const cell of table.querySelectorAll("tbody td")) {
      const label = cell.dataset.label ?? cell.dataset.percentile;
      const isNamed = columns.includes(label) && getComputedStyle(cell, "::before").content.includes(label);
      const isAlone = cell.textContent.trim() === "" || cell.colSpan > 1;
      if (!isNamed && !isAlone) problems.push(`unnamed: ${name(cell)}`);
    }
  }

  // What was found, how far to trust it, and the first chart are seen without scrolling on a desktop.
  if (!isPaper && width >= 1280) {
    for (const element of document.querySelectorAll("h1, .strip, .overview")) {
      const bottom = element.getBoundingClientRect().bottom + window.scrollY;
      if (bottom > window.innerHeight) problems.push(`not on the first screen: ${name(element)}`);
    }
  }

  // On paper a chart is in one piece, and a heading on the page of what it is of.
  if (isPaper) {
    for (const element of document.querySelectorAll(".panel, .overview, .tile, .quote, tr")) {
      if (getComputedStyle(element).breakInside !== "avoid") problems.push(`torn: ${name(element)}`);
    }
    for (const element of document.querySelectorAll("h1, h2, h3, h4, .legend")) {
      const isAlone = getComputedStyle(element).breakAfter !== "avoid" && !element.closest("summary, .card");
      if (isAlone) problems.push(`left behind: ${name(element)}`);
    }
  }

  // Text of a chart is within it, and apart from all other text.
  for (const chart of document.querySelectorAll("svg.plot")) {
    if (!isShown(chart)) continue;
    const frame = chart.getBoundingClientRect();
    const texts = [...chart.querySelectorAll("text")].map((text) => ({
      text,
      box: text.getBoundingClientRect(),
    }));
    if (texts.length < 4) problems.push(`empty: ${name(chart)}`);
    texts.forEach(({ text, box }, index) => {
      const isWithin = box.left >= frame.left - 1 && box.right <= frame.right + 1 &&
        box.top >= frame.top - 1 && box.bottom <= frame.bottom + 1;
      if (!isWithin) problems.push(`outside: ${name(text)}`);
      for (const { text: other, box: theirs } of texts.slice(index + 1)) {
        const across = Math.min(box.right, theirs.right) - Math.max(box.left, theirs.left);
        const down = Math.min(box.bottom, theirs.bottom) - Math.max(box.top, theirs.top);
        if (across > 0.5 && down > 0.5) problems.push(`overlap: ${name(text)} and ${name(other)}`);
      }
      if (box.height < 8) problems.push(`small: ${name(text)} is ${box.height} px high`);
    });
  }

  // Text can be read on what is behind it: WCAG 2.2, 1.4.3; lines can be seen: 1.4.11.
  const channels = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (colour) => {
    const [red, green, blue] = channels(colour).slice(0, 3).map((channel) => {
      const share = channel / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      const alpha = channels(colour)[3] ?? 1;
      if (alpha > 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const contrast = (element, colour) => {
    const [a, b] = [luminance(colour), luminance(ground(element))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  for (const element of document.body.querySelectorAll("text, h1, h2, h3, p, dt, dd, th, td, figcaption, li, strong, .strip a, .line")) {
    if (!isShown(element)) continue;
    const style = getComputedStyle(element);
    const [colour, least] = element.localName === "text" ? [style.fill, 4.5]
      : element.matches(".line") ? [style.color, 3] : [style.color, 4.5];
    const found = contrast(element, colour);
    if (found < least) problems.push(`contrast: ${found.toFixed(1)} of ${name(element)}`);
  }
  return { problems: [...new Set(problems)], ground: luminance(ground(document.body)) };
})
