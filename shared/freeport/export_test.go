package freeport

// TakeAt claims n ports of the block that the port locks, or gives nil.
var TakeAt = take
