/** What `fulfill` uses with a 32-byte output and no callback, rounded up (`npm run bench`, gas.fulfill): what a reward is held against. */
export const FULFILMENT_GAS = 56_000;
