// Strict styles
//
// The terminal library writes style elements and style attributes, which the policy of these pages forbids. Once this is
// called, the same is done by ways that the policy allows; everything else is as it was.
//
//   D1. A style element that a script makes is a sheet that the document adopts.
//   D2. A style attribute that a script sets is set member by member.

let isDone = false;

/** Changes how scripts of this page make styles; a second call changes nothing. */
export function allowStyles(): void {
  if (isDone) return;
  isDone = true;
  const create = document.createElement.bind(document);
  const makeElement = (name: string, options?: ElementCreationOptions): HTMLElement =>
    name.toLowerCase() === "style" ? sheetElement(create("span")) : create(name, options);
  document.createElement = makeElement;
  const proto = Element.prototype;
  const descriptor = Object.getOwnPropertyDescriptor(proto, "setAttribute");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the browser's own
  const set = descriptor?.value as (this: Element, name: string, value: string) => void;
  proto.setAttribute = function setAttribute(name, value) {
    if (name === "style" && this instanceof HTMLElement) this.style.cssText = value;
    else set.call(this, name, value);
  };
}

/** Stands where the style element would, and hands its text to a sheet. */
function sheetElement(element: HTMLElement): HTMLElement {
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets.push(sheet);
  element.hidden = true;
  Object.defineProperty(element, "textContent", {
    get: () => "",
    set: (text: string) => {
      sheet.replaceSync(text);
    },
  });
  Object.defineProperty(element, "sheet", { value: sheet });
  const remove = element.remove.bind(element);
  element.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== sheet);
    remove();
  };
  return element;
}
