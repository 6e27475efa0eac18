/** What a template leaves where it has no value: Helm and Go, and whatever has not been rendered at all. */
const LEFT_BY_TEMPLATE = /\{\{|<no value>|<nil>|%!\w\(/;

/** What a substitution fills in before Kubernetes sees it, as Flux's does. */
export function isFilledIn(text: string): boolean {
  return text.includes("${");
}

/** The remedy for a text that something has still to fill in. */
export function unfilledRemedy(text: string): string | undefined {
  if (isFilledIn(text)) return "fill in ${…} first, as flux envsubst does, and give the result";
  return LEFT_BY_TEMPLATE.test(text)
    ? "give the template the value that is missing here, and render it again"
    : undefined;
}
