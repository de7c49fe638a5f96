export declare const packageRoot: string;
export declare function isCheckout(root?: string): boolean;
export declare function cacheFolder(env?: Readonly<Record<string, string | undefined>>): string;
export declare function environmentFolder(root?: string, env?: Readonly<Record<string, string | undefined>>): string;
export declare function pythonIn(environment: string): string;
export declare function scratchFolder(root?: string, env?: Readonly<Record<string, string | undefined>>): string;
