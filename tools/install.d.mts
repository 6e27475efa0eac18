export function npmCommand(environment: NodeJS.ProcessEnv): [command: string, ...first: string[]];
export function installDependencies(): boolean;
