/** The version in package.json, to which a test holds it: a module cannot read that file. */
export const VERSION: string = "0.1.0";
