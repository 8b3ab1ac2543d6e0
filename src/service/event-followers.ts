import type { EventFollower } from '../runtime/emitter.js';
import type { Service, ServiceEvents } from './contract.js';
import type { LiveService } from './service.js';

/**
 * For adapters that follow hundreds of services: one object hears the events that it has methods
 * for, where `on` would take a function for each and one to end it.
 */
export function followEvents(service: Service, follower: EventFollower<ServiceEvents>): void {
  (service as LiveService).events.join(follower);
}

export function unfollowEvents(service: Service, follower: EventFollower<ServiceEvents>): void {
  (service as LiveService).events.leave(follower);
}
