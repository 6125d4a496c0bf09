"""What the live engine is made of: jobs, cues, tasks of the generator, the schedule of sound, and news of it all."""
