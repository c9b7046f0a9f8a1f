/**
 * The center's Content-Security-Policy lets a `<style>` stand only if it carries the nonce of the page.
 * Ant Design gives its own the nonce that it is told; some of the parts below it (scroll locks, scroll
 * bar measuring) forget to, so every style element gets it where it is made.
 */
export function giveStylesTheNonce(document: Document): string | undefined {
  const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce;
  if (!nonce) return undefined;
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- only its form for old tags is
  const createElement = Document.prototype.createElement.bind(document) as (...given: unknown[]) => Element;
  Object.defineProperty(document, 'createElement', {
    value: (...given: unknown[]) => {
      const element = createElement(...given);
      if (element instanceof HTMLStyleElement) element.nonce = nonce;
      return element;
    },
  });
  return nonce;
}
