/** In place of the number of an entry, of a node or of a rule: there is none. */
export const NONE: i32 = -1;
