/** Every key that fairlead keeps beside those of its users, or calls otherwise, begins so. */
export const RESERVED = 'fl:';
