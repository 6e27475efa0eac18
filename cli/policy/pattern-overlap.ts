/** The pattern of what fits both; undefined where nothing does. */
export function intersection(a: string, b: string): string | undefined {
  const [left, right] = [a.split("."), b.split(".")];
  const both: string[] = [];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    if (left[i] === ">" && i < right.length) return [...both, ...right.slice(i)].join(".");
    if (right[i] === ">" && i < left.length) return [...both, ...left.slice(i)].join(".");
    const [one, other] = [left[i], right[i]];
    if (one === undefined || other === undefined) return undefined;
    if (one !== other && one !== "*" && other !== "*") return undefined;
    both.push(one === "*" ? other : one);
  }
  return both.join(".");
}
