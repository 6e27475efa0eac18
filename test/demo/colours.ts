import pc from "picocolors";

/** Uses colours only on a terminal. picocolors alone would also write them into a CI's log. */
const isSeen = process.stdout.isTTY ? !process.env["NO_COLOR"] : false;

export const colours = pc.createColors(isSeen);
