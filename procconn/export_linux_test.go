package procconn

// TrackAtMost is Track with another size of the set.
func (c *Conn) TrackAtMost(size int) (*Set, error) { return c.track(size) }
