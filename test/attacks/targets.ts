/** Harmless things outside of the sandbox that the attacks reach for. All of them belong to the test and live in its temporary folder. */
export interface AttackTargets {
  readonly folder: string;
  readonly secretFile: string;
  readonly tcpPort: number;
  readonly udpPort: number;
  readonly unixSocket: string;
  readonly abstractSocket: string;
  /** A process made for being attacked. */
  readonly victimPid: number;
}
