export const ENDING_SIGNALS: readonly NodeJS.Signals[];
export function exitStatusOf(signal: NodeJS.Signals): number;
