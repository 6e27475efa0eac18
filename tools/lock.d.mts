export function takeLock(name: string, what: string): () => void;
