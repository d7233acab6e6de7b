//! A lane's windows: what has arrived, what may close, what a commit covers.
