/** Whether all is tried (`deno task lives`), rather than a few of each kind. */
export const IS_WHOLE = Deno.env.get("CPRCTL_LINUX") === "whole";
