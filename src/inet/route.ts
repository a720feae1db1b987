// The routing table: longest prefix first (RFC 1812, 5.2.4.3). A lab has a handful of routes, so the table is a sorted
// list and a look-up walks it. Routes over devices that are down do not count.

import type { NetDevice } from '../net/device.ts';
import { formatAddress, maskOf } from './address.ts';

export interface Route {
  /** All addresses are int32 here. */
  readonly network: number;
  readonly mask: number;
  readonly prefix: number;
  /** 0: the network is on the device's link. */
  readonly gateway: number;
  readonly device: NetDevice;
  /** Address that packets over it are sent from. */
  readonly source: number;
}

export class RouteTable {
  readonly routes: Route[] = [];

  /** Throws when there is one for the same network already. */
  add(network: number, prefix: number, gateway: number, device: NetDevice, source: number): Route {
    const mask = maskOf(prefix);
    const route: Route = {
      network: network & mask,
      mask,
      prefix,
      gateway: gateway | 0,
      device,
      source: source | 0,
    };
    for (const other of this.routes) {
      if (other.prefix === prefix && other.network === route.network && other.device === device) {
        throw new Error(`there is a route already: ${formatRoute(other)}`);
      }
    }
    let at = 0;
    while (at < this.routes.length && this.routes[at].prefix >= prefix) at++;
    this.routes.splice(at, 0, route);
    return route;
  }

  /** Forgets the routes that `unwanted` says true for. */
  remove(unwanted: (route: Route) => boolean): void {
    for (let i = this.routes.length - 1; i >= 0; i--) if (unwanted(this.routes[i])) this.routes.splice(i, 1);
  }

  /** An address of a device goes: routes that send from it send from what `heir` says, or are forgotten where that is null. */
  changeSource(device: NetDevice, source: number, heir: (route: Route) => number | null): void {
    for (let i = this.routes.length - 1; i >= 0; i--) {
      const route = this.routes[i];
      if (route.device !== device || route.source !== source) continue;
      const other = heir(route);
      if (other === null) this.routes.splice(i, 1);
      else this.routes[i] = { ...route, source: other };
    }
  }

  /** The route for an int32 address, or null. */
  lookup(destination: number): Route | null {
    const { routes } = this;
    for (let i = 0; i < routes.length; i++) {
      const route = routes[i];
      if ((destination & route.mask) === route.network && route.device.up) return route;
    }
    return null;
  }
}

/** `10.0.0.0/24 dev eth0 src 10.0.0.1`, as `ip route` prints it. */
export function formatRoute(route: Route): string {
  const to = route.prefix === 0 ? 'default' : `${formatAddress(route.network)}/${route.prefix}`;
  const via = route.gateway === 0 ? '' : ` via ${formatAddress(route.gateway)}`;
  return `${to}${via} dev ${route.device.name} src ${formatAddress(route.source)}`;
}
