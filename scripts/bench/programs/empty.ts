/** Does nothing: what the runtime takes to start and end. */
export {};
