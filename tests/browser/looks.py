"""What a browser is asked of a page: expressions of JavaScript, whose values are JSON. They change nothing."""

WIDTH = "document.documentElement.scrollWidth"
TEXT = "document.body.innerText"

CONTRAST = """(() => {
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const channel = value => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = one => {
    for (; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = new Map();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const one = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim()) continue;
    const front = parse(getComputedStyle(one).color), back = behind(one);
    const [high, low] = [light(front), light(back)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) found.set(`${one.tagName}.${one.className}: ${front} on ${back}`, ratio);
  }
  return [...found];
})()"""
"""Text that stands out less than WCAG 2.2 AA asks (1.4.3: 4.5 to 1): where, in which colours, how much."""

STRUCTURE = """(() => {
  const all = name => [...document.querySelectorAll(name)], named = id => document.getElementById(id);
  const levels = all('h1, h2, h3, h4, h5, h6').map(one => +one.tagName[1]);
  const ids = all('[id]').map(one => one.id);
  const wrong = [];
  const must = (well, what) => well || wrong.push(what);
  must(document.compatMode === 'CSS1Compat', 'quirks mode');
  must(document.documentElement.lang === 'en', 'no language');
  must(document.title.length > 10, 'no title');
  must(levels[0] === 1 && levels.filter(level => level === 1).length === 1, `headings begin ${levels}`);
  levels.reduce((before, level) => { must(level <= before + 1, `h${before}, then h${level}`); return level; });
  for (const name of ['main', 'body > header', 'body > footer']) must(all(name).length === 1, name);
  must(new Set(ids).size === ids.length, 'an id twice');
  all('a').forEach(one => must(named(one.getAttribute('href').slice(1)), `${one.href} leads nowhere`));
  all('table').forEach(one => must(one.querySelector('thead th[scope=col]'), 'a table without headers'));
  all('tbody tr').forEach(one => must(one.querySelector('th[scope=row]'), 'a row without a header'));
  all('details').forEach(one => must(one.querySelector(':scope > summary').innerText.trim(), 'an empty summary'));
  all('section').forEach(one => must(named(one.getAttribute('aria-labelledby')), 'an unnamed section'));
  all('script, img, iframe, object, form, link[rel=stylesheet]').forEach(one => wrong.push(one.tagName));
  all('main *, header *').forEach(one => {
    const turns = one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1;
    const scrolls = /auto|scroll/.test(getComputedStyle(one).overflowX) && one.clientWidth;
    must(!(turns && scrolls) || one.tabIndex === 0, `no key reaches the rest of ${one.className}`);
  });
  return wrong;
})()"""
"""What is wrong with a page for those who do not see it, or have no mouse."""

LOST_ON_PAPER = """(() => {
  const see = {contentVisibilityAuto: true, visibilityProperty: true};
  const all = [...document.querySelectorAll('pre, dd, li, td')];
  return [
    ...all.filter(one => !one.checkVisibility(see)).map(one => `hidden: ${one.innerText.slice(0, 60)}`),
    ...all.filter(one => one.scrollWidth > one.clientWidth + 1 && one.clientWidth && one.tagName === 'PRE')
      .map(one => `cut off: ${one.className}`),
  ];
})()"""
"""What a printed page would not show."""

FOCUSED = """(() => {
  const one = document.activeElement, style = getComputedStyle(one);
  return {name: one.tagName, outline: style.outlineStyle, width: parseFloat(style.outlineWidth)};
})()"""
