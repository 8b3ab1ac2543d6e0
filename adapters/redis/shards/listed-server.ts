import { isAnswer } from '../../../src/adapter.js';
import { addressOf, type Endpoint, type Outcome, type Service } from '../../../src/index.js';
import { isReplica } from './role.js';

/** The server of one shard as discovery lists it: always the same one, as it is now. */
export class ListedServer {
  endpoint: Endpoint;
  /** `host:port`. */
  readonly address: string;
  readonly target: { readonly host: string; readonly port: number };
  readonly readOnly: boolean;

  constructor(endpoint: Endpoint) {
    const { spec } = endpoint;
    this.endpoint = endpoint;
    this.address = addressOf(spec);
    // Of the moment: a later change of address makes another shard.
    this.target = { host: spec.host, port: spec.port };
    this.readOnly = isReplica(spec);
  }

  get unhealthy(): boolean {
    return this.endpoint.spec.healthy === false;
  }

  /** Its share of the keys, which does not change with its health. */
  get weight(): number {
    return shareOf(this.endpoint);
  }

  /** How a look at it ended, for the health of its service; `used`: it gets commands. */
  looked(service: Service, outcome: Outcome, used: boolean): void {
    const { endpoint } = this;
    // What ejected it may have been another client's connection, which is closed by now: once its
    // time is over any answer ends it, as that of a probing call does.
    if (used && endpoint.state === 'probing' && isAnswer(outcome)) service.reportRecovered(endpoint);
    service.reportProbe(endpoint, outcome);
  }

  /** True for an endpoint that is the same server. */
  is({ spec }: Endpoint): boolean {
    return spec.id === this.endpoint.spec.id && addressOf(spec) === this.address && isReplica(spec) === this.readOnly;
  }
}

export function shareOf({ spec }: Endpoint): number {
  return spec.registeredWeight ?? spec.weight;
}
