// Elements are made here and nowhere else, with text as text: a name in a file can never become markup.

export const byId = (id) => document.getElementById(id);

// element("p", {class: "soft"}, "text", otherElement)
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(key, value);
  made.append(...children.map(visible));
  return made;
}

export const replace = (parent, ...children) => parent.replaceChildren(...children.map(visible));

// Characters that turn the direction of text around, or cannot be seen, are shown as what they are.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;
const visible = (child) =>
  typeof child === "string"
    ? child.replace(HIDDEN, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`)
    : child;

export const definitions = (pairs) =>
  element(
    "dl",
    {},
    ...pairs.filter(([, value]) => value !== null && value !== undefined).flatMap(([term, value]) => [
      element("dt", {}, term),
      element("dd", {}, value instanceof Node ? value : String(value)),
    ]),
  );

export const code = (text) => element("code", {}, text);
