import pc from "picocolors";

/** Colours only for somebody who sees them: picocolors alone would also give them to a CI's log. */
const isSeen = process.stdout.isTTY ? !process.env["NO_COLOR"] : false;

export const colours = pc.createColors(isSeen);
